/** A diagnosis for the terminal: what a tired person reads first stands first. */
import type { Diagnosis } from '../wire/causes.ts'
import { printable, printableLines } from './printable.ts'
import { type Style, wrap } from './terminal.ts'

export const indent = (column: number, lines: string[]): string[] => lines.map(line => (line ? `${' '.repeat(column)}${line}` : ''))

const initials = /\b(mtu|mss|icmp|dns|tls|mtls|tcp)\b/g
const directions = { forward: 'towards the target', reverse: 'from the target', both: 'both directions' }

/** `path_mtu_black_hole` → `path MTU black hole`. */
export const causeTitle = (cause: string): string =>
  cause.replaceAll('_', ' ').replace(initials, word => (word === 'mtls' ? 'mTLS' : word.toUpperCase()))

const labelColumn = 12
/** Enough to act on; the rest would push the summary off the screen. */
const shownFixes = 4

/** Title, summary, evidence, what speaks against it, fixes and the next command, as wide as the terminal. */
export const diagnosisLines = (one: Diagnosis, mark: string, paint: (text: string) => string, style: Style): string[] => {
  const facts = [...(one.direction ? [directions[one.direction]] : []), one.confidence, one.cause]
  const width = style.width - labelColumn
  const listed = (label: string, texts: string[]) =>
    texts.flatMap((text, index) => {
      const [first, ...more] = wrap(printable(text), width - 2)
      return [labelled(index ? '' : label, `${style.dim(style.symbols.dot)} ${first}`, style), ...indent(labelColumn + 2, more)]
    })
  // Commands are never broken: they are there to be copied.
  const fixes = one.fixes
    .slice(0, shownFixes)
    .flatMap(({ where, command }, index) => [
      ...wrap(printable(where), width).map((line, row) => labelled(index + row ? '' : 'fix', style.dim(line), style)),
      ...indent(labelColumn + 2, printableLines(command)),
    ])
  return [
    ...titleLines(`${mark}${causeTitle(one.cause)}`, facts.join('  '), paint, style),
    ...indent(2, wrap(printable(one.summary), style.width - 2)),
    '',
    ...listed('evidence', one.evidence),
    ...listed('against', one.against),
    ...fixes,
    ...(one.fixes.length > shownFixes
      ? [labelled('', style.dim(`and ${one.fixes.length - shownFixes} more: --output markdown`), style)]
      : []),
    ...(one.next ? printableLines(one.next).map((line, row) => labelled(row ? '' : 'next', line, style)) : []),
  ]
}

const titleLines = (title: string, facts: string, paint: (text: string) => string, style: Style): string[] => {
  const head = style.strong(paint(title))
  if (title.length + 2 + facts.length <= style.width) return [`${head}  ${style.dim(facts)}`]
  return [head, ...indent(2, wrap(facts, style.width - 2).map(style.dim))]
}

const labelled = (label: string, text: string, style: Style) =>
  `  ${style.strong(label)}${' '.repeat(labelColumn - 2 - label.length)}${text}`
