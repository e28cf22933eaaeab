/** The output for people: one block per target, its lines as they come, then what is wrong and what to do. */
import type { AnyResult, RunDocument } from '../wire/result.ts'
import { type AskedTarget, formatTarget } from '../wire/target.ts'
import { diagnosisLines, indent } from './diagnosis-text.ts'
import type { Io } from './io.ts'
import { printable } from './printable.ts'
import { buildProgress } from './progress.ts'
import type { Reporter, RunEvent } from './reporter.ts'
import { controlText, stepText } from './step-text.ts'
import { flow, type Style, styleOf, wrap } from './terminal.ts'

/** Blocks never mix: one target prints as it goes, those after it wait until it is done. */
export const buildHuman = (targets: AskedTarget[], io: Io): Reporter => {
  const style = styleOf(io.stdout, io.env)
  const progress = buildProgress(io, style)
  const waiting = targets.map(() => '')
  const ended = new Set<number>()
  let current = 0
  const print = (index: number, text: string) => {
    if (index !== current) {
      waiting[index] += text
      return
    }
    progress.clear()
    io.stdout.write(style.fit(text))
  }
  const finish = (index: number) => {
    ended.add(index)
    while (ended.has(current) && ++current < targets.length) print(current, `\n${waiting[current]}`)
  }
  const begun = new Set<number>()
  return {
    event: (index, event) => {
      progress.event(index, event)
      const target = targets[index]!
      if (event.type === 'begin') print(index, style.strong(formatTarget(target)))
      else if (event.type === 'resolved') print(index, `${headEnd(target, event, style)}\n`)
      if (event.type === 'resolved') begun.add(index)
      else if (event.type === 'step' || event.type === 'end') {
        // Without an address the first line ends here.
        if (!begun.has(index)) print(index, '\n')
        begun.add(index)
      }
      if (event.type === 'step') print(index, `${stepLines(event.result, style).join('\n')}\n`)
      if (event.type === 'final') print(index, controlLine(event.result, style))
      if (event.type === 'end') {
        print(index, `\n${endLines(event.document, style).join('\n')}\n`)
        finish(index)
      }
    },
    close: () => progress.close(),
  }
}

const headEnd = (target: AskedTarget, { address, family }: RunEvent & { type: 'resolved' }, style: Style) =>
  style.dim(`${target.host === address ? '' : `  ${address}`}  IPv${family}`)

const symbolOf = (result: AnyResult, style: Style) => {
  const { symbols } = style
  if (result.outcome.kind === 'fail') return style.bad(symbols.fail)
  if (result.outcome.kind === 'unmeasured') return style.dim(symbols.none)
  return result.warnings.length ? style.warn(symbols.warn) : style.good(symbols.ok)
}

const textColumn = 11

/** `  ✓ tcp    syn 35.1 ms   mss 1460/1460`, and below it what deserves a word. */
export const stepLines = (result: AnyResult, style: Style): string[] => {
  const width = style.width - textColumn
  const [first = '', ...more] = flow(stepText(result), width)
  const paint = result.outcome.kind === 'unmeasured' ? style.dim : (text: string) => text
  const warnings = result.warnings.flatMap(({ detail }) => wrap(printable(detail), width))
  return [
    `  ${symbolOf(result, style)} ${result.kind.padEnd(5)}  ${paint(first)}`.trimEnd(),
    ...indent(textColumn, more.map(paint)),
    ...indent(textColumn, warnings.map(style.warn)),
  ]
}

const controlLine = (result: AnyResult, style: Style) => {
  const texts = result.kind === 'tcp' ? controlText(result.measured.control) : []
  const lines = texts.flatMap(text => wrap(text, style.width - textColumn))
  return lines.length ? `  ${style.warn(style.symbols.warn)} ${'tcp'.padEnd(5)}  ${lines.join(`\n${' '.repeat(textColumn)}`)}\n` : ''
}

const endings: Record<RunDocument['verdict'], string> = {
  ok: 'nothing wrong found',
  degraded: 'it works, with warnings',
  fail: 'it fails, and no cause was recognised',
  unmeasured: 'not measured: this machine could not tell',
}

const endLines = (document: RunDocument, style: Style): string[] => {
  const { symbols } = style
  const [mark, paint] = {
    ok: [symbols.ok, style.good],
    degraded: [symbols.warn, style.warn],
    fail: [symbols.fail, style.bad],
    unmeasured: [symbols.none, style.dim],
  }[document.verdict] as [string, (text: string) => string]
  if (!document.diagnosis.length) return [paint(`${mark} ${endings[document.verdict]}`)]
  return document.diagnosis.flatMap((one, index) => {
    // Never a failure of its own: many hosts answer no echo. And a cause is never good news, even where nothing failed.
    const [symbol, colour] = document.verdict === 'ok' || one.cause === 'icmp_filtered' ? [symbols.warn, style.warn] : [mark, paint]
    return [...(index ? [''] : []), ...diagnosisLines(one, `${symbol} `, colour, style)]
  })
}
