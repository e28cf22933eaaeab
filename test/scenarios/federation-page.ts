/** The page that shows what a federation check says of each situation, made of what the real command said. */
import type { RunDocument } from '../../wire/result.ts'
import type { Case } from './federation-pods.ts'

export type Said = { one: Case; document: RunDocument }

const head = `# Federated credentials: what a check says

Made from the scenarios in \`test/scenarios/federation.test.ts\`, each of which runs the real command against local clouds that verify signatures, claims,
audiences, subjects and times; \`node test/scenarios/write-federation-page.ts\` writes it anew. How to set a check up: [federation](../federation.md).
`

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')
/** Ports and identifiers are other ones each time. */
const steady = (text: string): string =>
  text.replace(/127\.0\.0\.1:\d+/g, 'CLOUD').replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'ID')

const row = ({ one, document }: Said): string => {
  const [result] = document.results
  const [diagnosis] = document.diagnosis
  if (result?.kind !== 'federation') return ''
  const { outcome, measured } = result
  const warnings = result.warnings.filter(({ code }) => code !== 'issuer_slow')
  const links = measured.steps
    .map(({ step, verdict }) => (verdict === 'fail' ? `**${step}**` : verdict === 'skipped' ? `(${step})` : step))
    .join(' → ')
  const said = outcome.kind === 'ok' ? (warnings[0] ? `ok, warning \`${warnings[0].code}\`` : 'ok') : `\`${outcome.reason}\``
  const fix = diagnosis ? `\`${diagnosis.cause}\`: ${steady(diagnosis.summary)} *${steady(diagnosis.fixes[0]?.where ?? '')}*` : ''
  return `| ${[one.id, one.pairing, one.situation, links, said, fix].map(cell).join(' | ')} |`
}

export const pageOf = (said: readonly Said[]): string =>
  `${head}
Links in bold broke, links in parentheses do not apply there.

| # | pairing | situation | links walked | result | cause, and the first place to look |
|---|---|---|---|---|---|
${said.map(row).join('\n')}
`
