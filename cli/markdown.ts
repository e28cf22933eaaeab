/** A report to paste into a ticket. */
import type { Diagnosis } from '../wire/causes.ts'
import type { AnyResult, RunDocument } from '../wire/result.ts'
import { formatTarget } from '../wire/target.ts'
import { causeTitle } from './diagnosis-text.ts'
import { printable, printableLines } from './printable.ts'
import { stepText } from './step-text.ts'

/** Text that stays text: nothing of it becomes markup, a table's border or a link. */
export const escapeMarkdown = (text: string): string => printable(text).replace(/[\\`*_{}[\]<>|#~&!]/g, one => `\\${one}`)

/** A fence longer than any run of backticks inside it (CommonMark §4.5). */
const fenced = (text: string): string => {
  const lines = printableLines(text)
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length))
  const fence = '`'.repeat(longest + 1)
  return [`${fence}sh`, ...lines, fence].join('\n')
}

const outcomeWord = ({ outcome, warnings }: AnyResult) =>
  outcome.kind === 'ok'
    ? warnings.length
      ? 'warning'
      : 'ok'
    : `${outcome.kind === 'fail' ? '**fail**' : 'not measured'}: ${escapeMarkdown(outcome.reason)}`

const stepRow = (result: AnyResult) => {
  const told = [...stepText(result), ...result.warnings.map(({ detail }) => detail)].map(escapeMarkdown).join('; ')
  return `| ${result.kind} | ${outcomeWord(result)} | ${told} |`
}

const list = (title: string, texts: string[]) =>
  texts.length ? [`**${title}**`, '', ...texts.map(text => `- ${escapeMarkdown(text)}`), ''] : []

const diagnosisText = (one: Diagnosis): string[] => [
  `### ${causeTitle(one.cause)} (${[...(one.direction ? [one.direction] : []), one.confidence].join(', ')})`,
  '',
  escapeMarkdown(one.summary),
  '',
  ...list('Evidence', one.evidence),
  ...list('Against', one.against),
  ...one.fixes.flatMap(({ where, command }) => [`**Fix** — ${escapeMarkdown(where)}`, '', fenced(command), '']),
  ...(one.next ? ['**Next**', '', fenced(one.next), ''] : []),
]

const documentText = ({ target, verdict, startedAt, results, diagnosis }: RunDocument): string[] => [
  `## ${escapeMarkdown(formatTarget(target))}: ${verdict}`,
  '',
  `${startedAt}${target.address ? `, address ${escapeMarkdown(target.address)}` : ''}`,
  '',
  '| step | outcome | seen |',
  '| --- | --- | --- |',
  ...results.map(stepRow),
  '',
  ...diagnosis.flatMap(diagnosisText),
]

export const markdownText = (documents: RunDocument[]): string => `${documents.flatMap(documentText).join('\n').trimEnd()}\n`
