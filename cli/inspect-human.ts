/** A judgement for people: what it is, whose, until when, and every broken rule with what was seen and wanted. */
import { sayWhole } from '../wire/say-duration.ts'
import { indent } from './diagnosis-text.ts'
import type { InspectDocument, InspectedCertificate } from './inspect-judge.ts'
import { printable } from './printable.ts'
import { type Style, wrap } from './terminal.ts'

const titles: Record<InspectDocument['type'], string> = {
  'x509-svid': 'X509-SVID',
  certificate: 'certificate',
  bundle: 'trust bundle',
  'jwt-svid': 'JWT-SVID',
  token: 'token',
}
const labelColumn = 18
/** Longer lists go to the JSON output. */
const mostLines = 20

export const inspectLines = (document: InspectDocument, name: string, style: Style): string[] => [
  `${style.strong(printable(name))}  ${style.dim(titles[document.type])}${document.id ? `  ${printable(document.id)}` : ''}`,
  ...(document.certificates ?? []).slice(0, mostLines).flatMap(one => certificateLines(one, document, style)),
  ...cut(document.certificates?.length ?? 0, style),
  ...factLines(document, style),
  ...findingLines(document, style),
  '',
  endLine(document, style),
]

const cut = (count: number, style: Style) =>
  count > mostLines ? indent(labelColumn, [style.dim(`and ${count - mostLines} more: --output json`)]) : []

const certificateLines = (one: InspectedCertificate, { at }: InspectDocument, style: Style): string[] => {
  const { symbols } = style
  const [now, from, to] = [Date.parse(at), Date.parse(one.notBefore), Date.parse(one.notAfter)]
  const mark = now > to || now < from ? style.bad(symbols.fail) : one.role === 'unused' ? style.warn(symbols.warn) : style.good(symbols.ok)
  const when =
    now > to
      ? `expired ${sayWhole(now - to)} ago`
      : now < from
        ? `valid in ${sayWhole(from - now)}`
        : `${sayWhole(to - now)} left, ${Math.floor((100 * (to - now)) / (to - from))} % of its life`
  const subject = printable(one.subject || one.sans[0] || `serial ${one.serial}`)
  return [
    `  ${mark} ${one.role.padEnd(labelColumn - 4)}${subject}`,
    ...indent(
      labelColumn,
      wrap(`${when}   ${one.notBefore.slice(0, 19)}Z to ${one.notAfter.slice(0, 19)}Z`, style.width - labelColumn).map(style.dim),
    ),
    ...indent(labelColumn, [style.dim(`${symbols.dot} ${one.fingerprint256.slice(0, 23)}${symbols.ellipsis}`)]),
  ]
}

const labelled = (label: string, text: string, style: Style): string[] =>
  wrap(printable(text), style.width - labelColumn).map((line, row) => `    ${style.dim((row ? '' : label).padEnd(labelColumn - 4))}${line}`)

const factLines = (document: InspectDocument, style: Style): string[] => {
  const { authorities, keyIds, sequence, refreshHintSeconds, verified, keyMatches, claims, header } = document
  const fact = (label: string, value: string | number | null | undefined) =>
    value === undefined || value === null || value === '' ? [] : labelled(label, String(value), style)
  const key = { true: 'belongs to the certificate', false: 'does not belong to the certificate', null: 'not compared' }
  return [
    ...fact('authorities', authorities && `${authorities.x509} X.509, ${authorities.jwt} JWT`),
    ...fact('key IDs', keyIds?.slice(0, mostLines).join(', ')),
    ...fact('sequence', sequence),
    ...fact('refresh hint', refreshHintSeconds === undefined || refreshHintSeconds === null ? undefined : `${refreshHintSeconds} s`),
    ...fact(document.type === 'jwt-svid' ? 'signature' : 'chain', verified === undefined ? undefined : sayTrust(document)),
    ...fact('private key', keyMatches === undefined ? undefined : key[`${keyMatches}`]),
    ...fact('alg, kid', header && [header.alg, header.kid].filter(one => typeof one === 'string').join(', ')),
    ...Object.entries(claims ?? {})
      .slice(0, mostLines)
      .flatMap(([name, value]) => fact(name, sayClaim(name, value))),
  ]
}

/** Where it leads, or what is needed to tell. */
const sayTrust = ({ type, id, verified }: InspectDocument): string => {
  const domain = /^spiffe:\/\/([^/]+)/.exec(id ?? '')?.[1] ?? 'TRUST_DOMAIN'
  if (verified === null) return `not judged, which needs ${sayNeeded(type, domain)}`
  const where =
    type === 'certificate'
      ? 'an authority of --ca'
      : type === 'jwt-svid'
        ? 'the bundle of its trust domain'
        : 'an authority of its trust domain'
  return `${verified ? 'leads' : 'does not lead'} to ${where}`
}

const sayNeeded = (type: InspectDocument['type'], domain: string): string => {
  const bundle = `--bundle ${domain}=FILE`
  return type === 'certificate' ? '--ca FILE' : type === 'jwt-svid' ? bundle : `${bundle} or --ca FILE`
}

const sayClaim = (name: string, value: unknown): string => {
  if (['exp', 'nbf', 'iat'].includes(name) && typeof value === 'number' && Math.abs(value) < 8.64e12)
    return new Date(value * 1000).toISOString()
  const text = typeof value === 'string' ? value : JSON.stringify(value, exactly)
  return text.length > 300 ? `${text.slice(0, 300)}…` : text
}

/** Integers that only a bigint holds are printed as they were written. */
export const exactly = (_name: string, value: unknown): unknown => (typeof value === 'bigint' ? rawJson(String(value)) : value)
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON

const findingLines = ({ violations, warnings }: InspectDocument, style: Style): string[] => {
  const told = (mark: string, code: string, detail: string, paint: (text: string) => string) => {
    const [first = '', ...more] = wrap(printable(detail), style.width - labelColumn)
    // A code that is longer than its column stands on a line of its own.
    const fits = code.length <= labelColumn - 6
    return [
      fits ? `  ${mark} ${paint(code.padEnd(labelColumn - 4))}${first}` : `  ${mark} ${paint(code)}`,
      ...indent(labelColumn, fits ? more : [first, ...more]),
    ]
  }
  const lines = [
    ...violations.slice(0, mostLines).flatMap(one => told(style.bad(style.symbols.fail), one.code, one.detail, style.bad)),
    ...warnings.slice(0, mostLines).flatMap(one => told(style.warn(style.symbols.warn), one.code, one.detail, style.warn)),
  ]
  return lines.length ? ['', ...lines] : []
}

const endLine = ({ violations, warnings, verified }: InspectDocument, style: Style): string => {
  const { symbols } = style
  const count = (number: number, word: string) => `${number} ${word}${number === 1 ? '' : 's'}`
  const also = warnings.length ? `, ${count(warnings.length, 'warning')}` : ''
  if (violations.length) return style.strong(style.bad(`${symbols.fail} not ok: ${count(violations.length, 'rule')} broken${also}`))
  const trusted = verified === null ? ', but whether to trust it was not judged' : ''
  return style.strong((warnings.length ? style.warn : style.good)(`${warnings.length ? symbols.warn : symbols.ok} ok${also}${trusted}`))
}
