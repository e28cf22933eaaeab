/** The output for people: one block per target, its lines as they come, then what is wrong and what to do. */
import type { AnyResult, Result, RunDocument } from '../wire/result.ts'
import { type AskedTarget, formatTarget } from '../wire/target.ts'
import { diagnosisLines, indent } from './diagnosis-text.ts'
import { federationText, linkLines } from './federation-text.ts'
import type { Io } from './io.ts'
import { printable } from './printable.ts'
import { buildProgress } from './progress.ts'
import type { Reporter, RunEvent } from './reporter.ts'
import { buildStepScreen, type StepScreen } from './step-screen.ts'
import { controlText, stepText } from './step-text.ts'
import { flow, type Style, styleOf, wrap } from './terminal.ts'
import { hopLines } from './trace-text.ts'

/** One target: what its first line says so far, its steps, and in the end the document. */
type Block = { head: string; isHeadDone: boolean; headShown: number; steps: StepScreen; document?: RunDocument }

/** Blocks never mix: one target prints as it goes, those after it wait until it is done. */
export const buildHuman = (targets: AskedTarget[], io: Io): Reporter => {
  const style = styleOf(io.stdout, io.env)
  const progress = buildProgress(io, style)
  const blocks = targets.map((): Block => ({ head: '', isHeadDone: false, headShown: 0, steps: buildStepScreen(io.stdout, io.env) }))
  let current = 0
  const show = (block: Block): string => {
    const head = block.head.slice(block.headShown)
    block.headShown = block.head.length
    return head + block.steps.draw()
  }
  const write = () => {
    let text = ''
    for (let block = blocks[current]; block; block = blocks[++current]) {
      text += `${current && !block.headShown && block.head ? '\n' : ''}${show(block)}`
      if (!block.document) break
      text += [...unaskedLine(targets[current]!, block.document, style), '', ...endLines(block.document, style), ''].join('\n')
    }
    if (!text) return
    progress.clear()
    io.stdout.write(style.fit(text))
  }
  return {
    event: (index, event) => {
      progress.event(index, event)
      take(blocks[index]!, targets[index]!, event, style)
      if (index === current) write()
    },
    close: () => progress.close(),
  }
}

const take = (block: Block, target: AskedTarget, event: RunEvent, style: Style): void => {
  const endHead = (text = '') => {
    if (!block.isHeadDone) block.head += `${text}\n`
    block.isHeadDone = true
  }
  if (event.type === 'begin') block.head += style.strong(formatTarget(target))
  else if (event.type === 'resolved') endHead(headEnd(target, event, style))
  else if (event.type === 'started') block.steps.started(event.kind)
  // Without an address the first line ends here.
  else endHead()
  if (event.type === 'step') block.steps.set(event.result.kind, stepLines(event.result, style), false)
  if (event.type === 'final') block.steps.set(event.result.kind, finalLines(event.result, style), true)
  if (event.type === 'end') block.document = event.document
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
  const [first = '', ...more] = flow(isWalked(result) ? federationText(result.measured).map(printable) : stepText(result), width)
  const paint = result.outcome.kind === 'unmeasured' ? style.dim : (text: string) => text
  const warnings = result.warnings.flatMap(({ detail }) => wrap(printable(detail), width))
  return [
    `  ${symbolOf(result, style)} ${result.kind.padEnd(5)}  ${paint(first)}`.trimEnd(),
    ...indent(textColumn, more.map(paint)),
    ...(result.kind === 'trace' && result.measured.hops ? indent(textColumn, hopLines(result.measured)) : []),
    ...indent(4, linksOf(result, style)),
    ...indent(textColumn, warnings.map(style.warn)),
  ]
}

/** Its links say what is wrong, each where it is. */
const isWalked = (result: AnyResult): result is Result<'federation'> =>
  result.kind === 'federation' && (result.measured.steps ?? []).length > 0

/** Of a federated credential each link of the chain has a line of its own. */
const linksOf = (result: AnyResult, style: Style): string[] =>
  isWalked(result)
    ? linkLines(result.measured, style.symbols).flatMap(line => {
        const [first = '', ...more] = wrap(line, style.width - 8)
        return [first, ...indent(4, more)]
      })
    : []

/** With ports that answer where nothing should listen, each line as it was first shown. */
const finalLines = (result: AnyResult, style: Style): string[] => {
  if (result.kind !== 'tcp' || !result.measured.control) return stepLines(result, style)
  const { control, ...measured } = result.measured
  const [first, ...more] = controlText(control).flatMap(text => wrap(text, style.width - textColumn))
  const also = first === undefined ? [] : [`  ${style.warn(style.symbols.warn)} ${'tcp'.padEnd(5)}  ${first}`, ...indent(textColumn, more)]
  return [...stepLines({ ...result, measured }, style), ...also]
}

/** Without a port there is nothing to connect to: said, so that nobody takes silence about TCP for a good sign. */
const unaskedLine = (target: AskedTarget, { target: { address } }: RunDocument, style: Style): string[] => {
  if (target.kind || target.port !== undefined || address === undefined) return []
  const text = `tcp and tls were not tried, for want of a port: probe run ${formatTarget({ ...target, port: 443 })}`
  const [first, ...more] = wrap(text, style.width - 4)
  return [style.dim(`  ${style.symbols.none} ${first}`), ...indent(4, more.map(style.dim))]
}

const endings: Record<RunDocument['verdict'], string> = {
  ok: 'nothing wrong found',
  degraded: 'it works, with warnings',
  fail: 'it fails, and no cause was recognised',
  unmeasured: 'not measured: this machine could not tell',
}

/** The diagnoses, or one line where there is none. */
export const endLines = (document: RunDocument, style: Style): string[] => {
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
