/** The live view of `probe watch`: one status line, a sparkline, the table of outages. Drawn over itself a few times a second, each frame one write. */
import { stripVTControlCharacters } from 'node:util'
import { sayLength } from '../judge/watch/summary.ts'
import type { Totals } from '../judge/watch/watch.ts'
import { quantileOf } from '../wire/histogram.ts'
import type { WatchSecond } from '../wire/watch.ts'
import type { Out } from './io.ts'
import { flow, type Style } from './terminal.ts'
import { msText, outageTable } from './watch-text.ts'

export type WatchView = {
  title: string
  startedAt: string
  objectiveMs?: number
  timeoutMs: number
  totals: Totals
  /** The latest seconds, the newest last. */
  seconds: readonly WatchSecond[]
  /** Since when the path has been up, or down. */
  sinceMs: number
  nowMs: number
}

const bars = { unicode: '▁▂▃▄▅▆▇█', ascii: '_.,:-=+#' }
const lostBars = { unicode: '×', ascii: 'x' }

/** A bar per second, from the least to the most that is shown; seconds that lost something are marked as lost where all was. */
export const sparkline = (seconds: readonly WatchSecond[], style: Style, width: number): string => {
  const shown = seconds.slice(-width)
  const values = shown.flatMap(({ rttMs }) => (rttMs === null ? [] : [rttMs]))
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const kind = style.symbols.ok === '✓' ? 'unicode' : 'ascii'
  // What hardly differs is not made to look as if it did: the scale is at least a quarter of the least.
  const span = Math.max(high - low, low / 4, 1e-9)
  return shown
    .map(({ rttMs, lost, sent }) => {
      if (rttMs === null || lost * 2 >= sent) return style.bad(lostBars[kind])
      const bar = bars[kind][Math.min(7, Math.floor(((rttMs - low) / span) * 8))]!
      return lost > 0 ? style.warn(bar) : style.good(bar)
    })
    .join('')
}

/** The lines of one frame, none wider than the style. */
export const frameLines = (view: WatchView, style: Style, rows: number): string[] => {
  const { totals, seconds, title, nowMs } = view
  const width = style.width
  const values = seconds.slice(-width).flatMap(({ rttMs }) => (rttMs === null ? [] : [rttMs]))
  const scale = values.length
    ? `${msText(Math.min(...values))} to ${msText(Math.max(...values))} ms, last ${seconds.slice(-width).length} s`
    : ''
  const head = [
    style.strong(cut(`${title}   ${sayLength(Math.floor(nowMs / 1000) * 1000)}`, width)),
    ...statusLines(view, style),
    ...(seconds.length ? [sparkline(seconds, style, width), style.dim(cut(scale, width))] : []),
    ...objectiveLine(view, style),
  ]
  const room = Math.max(1, rows - head.length - 4)
  const all = [...totals.outages.filter(({ endedMs }) => endedMs !== null), ...(totals.current ? [totals.current] : [])]
  const table = outageTable(all.slice(-room), view.startedAt, style, width)
  return [...head, ...(table.length ? ['', ...table] : [])]
}

const cut = (text: string, width: number): string => (text.length <= width ? text : text.slice(0, width))

/** How much later than usual an answer may be before the path looks down. */
const suspectMs = 200

/** How long the path has been down by now: known, or to be feared because answers are overdue. Undefined while it is up. */
const downFor = ({ totals, timeoutMs, nowMs }: WatchView): number | undefined => {
  if (totals.current) return nowMs - totals.current.beganMs
  const waitedMs = totals.waitingSinceMs === undefined ? 0 : nowMs - totals.waitingSinceMs
  const usualMs = quantileOf(totals.rtt, 0.99) ?? timeoutMs
  return waitedMs > Math.max(suspectMs, 2 * usualMs) ? waitedMs : undefined
}

const statusLines = (view: WatchView, style: Style): string[] => {
  const { totals, sinceMs, nowMs, seconds } = view
  const downMs = downFor(view)
  const state =
    downMs === undefined
      ? `${style.symbols.ok} up ${sayLength(Math.floor((nowMs - sinceMs) / 1000) * 1000)}`
      : `${style.symbols.fail} DOWN ${sayLength(Math.round(downMs / 100) * 100)}`
  const latest = seconds.at(-1)?.rttMs
  const decided = totals.received + totals.lost
  const [first, ...more] = flow(
    [
      state,
      ...(latest != null && downMs === undefined ? [`rtt ${msText(latest)} ms`] : []),
      ...(totals.rtt.count ? [`p99 ${msText(quantileOf(totals.rtt, 0.99)!)}`] : []),
      `loss ${decided === 0 ? '0' : ((100 * totals.lost) / decided).toFixed(2)} %`,
      ...(totals.ttl !== null ? [`ttl ${totals.ttl}`] : []),
      ...(totals.look.mtu != null ? [`mtu ${totals.look.mtu}`] : []),
    ],
    style.width,
  )
  const paint = downMs === undefined ? style.good : style.bad
  return [`${paint(first!.slice(0, state.length))}${first!.slice(state.length)}`, ...more]
}

const objectiveLine = (view: WatchView, style: Style): string[] => {
  const { totals, objectiveMs } = view
  if (objectiveMs === undefined) return []
  const longest = Math.max(totals.longestMs, Math.round((downFor(view) ?? 0) / 100) * 100)
  const isKept = longest <= objectiveMs
  const text = `objective ${sayLength(objectiveMs)}, longest ${longest === 0 ? 'none' : sayLength(longest)}`
  return [(isKept ? style.good : style.bad)(cut(`${isKept ? style.symbols.ok : style.symbols.fail} ${text}`, style.width))]
}

/** Puts frames over one another. After a resize the lines that stand there may have been broken into more. */
export const buildFrames = (out: Out) => {
  let shown: string[] = []
  return {
    draw(lines: string[]): void {
      const columns = Math.max(1, out.columns ?? 80)
      const height = shown.reduce((sum, line) => sum + Math.max(1, Math.ceil(stripVTControlCharacters(line).length / columns)), 0)
      const up = Math.min(height, (out.rows ?? 24) - 1)
      out.write(`${up ? `\u001b[${up}A\r` : ''}\u001b[J${lines.map(line => `${line}\n`).join('')}`)
      shown = lines
    },
  }
}
