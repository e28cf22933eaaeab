/** Who shows what a watch sees: a live view, plain lines, or lines for machines. */
import { roundAll } from '../judge/watch/summary.ts'
import type { Totals } from '../judge/watch/watch.ts'
import type { WatchDocument, WatchEvent, WatchSecond } from '../wire/watch.ts'
import type { Io } from './io.ts'
import { styleOf, takesEscapes } from './terminal.ts'
import type { WatchPlan } from './watch-options.ts'
import { buildFrames, frameLines } from './watch-screen.ts'
import { clockText, eventLine, msText, outageTable, summaryLines } from './watch-text.ts'

/** Lines need to know no more than this of all that has been seen. */
export type LineReport = {
  begin(startedAt: string, title: string): void
  event(event: WatchEvent, totals: Pick<Totals, 'sent' | 'lost'>): void
  end(document: WatchDocument): void
}
export type WatchReport = {
  begin(startedAt: string, title: string): void
  event(event: WatchEvent, totals: Totals): void
  end(document: WatchDocument): void
}

/** Frames a second: enough to see it live, little enough for a slow line. */
const frameMs = 250
/** As many seconds as the widest window shows. */
const keptSeconds = 200
/** A plain log says so often that all is well. */
const lineEveryMs = 60_000

export const buildReport = (plan: WatchPlan, io: Io, nowMs: () => number): WatchReport => {
  const isLive = plan.output === 'human' && takesEscapes(io.stdout, io.env)
  return isLive ? buildLive(plan, io, nowMs) : buildLineReport(plan.output, io)
}

export const buildLineReport = (output: WatchPlan['output'], io: Io): LineReport => {
  if (output === 'json') return { begin: () => {}, event: () => {}, end: document => write(io, document) }
  return output === 'ndjson' ? buildNdjson(io) : buildPlain(io)
}

const write = (io: Io, value: object): void => void io.stdout.write(`${JSON.stringify(value)}\n`)

const buildNdjson = (io: Io): LineReport => ({
  begin: (startedAt, title) => write(io, { schema: 'causeway.watch-event/1', type: 'begin', startedAt, title }),
  event: event => write(io, { schema: 'causeway.watch-event/1', ...roundAll(event) }),
  end: document => write(io, document),
})

const buildPlain = (io: Io): LineReport => {
  const style = styleOf(io.stdout, io.env)
  const say = (...lines: string[]): void => void io.stdout.write(style.fit(lines.map(line => `${line}\n`).join('')))
  let startedAt = ''
  let quietSinceMs = 0
  const table = (document: WatchDocument): string[] => {
    const lines = outageTable(document.outages, document.startedAt, style, undefined)
    return lines.length ? ['', ...lines, ''] : []
  }
  return {
    begin(at, title) {
      startedAt = at
      say(title)
    },
    event(event, totals) {
      const line = eventLine(event, startedAt, style)
      if (line !== undefined) say(line)
      if (event.type !== 'second' || event.second.atMs - quietSinceMs < lineEveryMs) return
      quietSinceMs = event.second.atMs
      const { rttMs, atMs } = event.second
      const rtt = rttMs === null ? 'no answer' : `rtt ${msText(rttMs)} ms`
      say(`${clockText(startedAt, atMs)}  ${rtt}, ${totals.lost} of ${totals.sent} lost`)
    },
    end: document => say(...table(document), ...summaryLines(document, style)),
  }
}

const buildLive = (plan: WatchPlan, io: Io, nowMs: () => number): WatchReport => {
  const frames = buildFrames(io.stdout)
  const seconds: WatchSecond[] = []
  let [startedAt, title, sinceMs] = ['', '', 0]
  let totals: Totals | undefined
  const draw = (more: string[] = []): void => {
    if (!totals) return
    // The window may have become another since the last frame.
    const style = styleOf(io.stdout, io.env)
    const view = { title, startedAt, objectiveMs: plan.objectiveMs, timeoutMs: plan.timeoutMs, totals, seconds, sinceMs, nowMs: nowMs() }
    frames.draw([...frameLines(view, style, io.stdout.rows ?? 24), ...more].map(style.fit))
  }
  const timer = setInterval(draw, frameMs)
  timer.unref()
  return {
    begin(at, text) {
      startedAt = at
      title = text
    },
    event(event, seen) {
      totals = seen
      if (event.type === 'outage_ended') sinceMs = event.outage.endedMs!
      if (event.type !== 'second') return
      seconds.push(event.second)
      if (seconds.length > keptSeconds) seconds.shift()
    },
    end(document) {
      clearInterval(timer)
      draw(['', ...summaryLines(document, styleOf(io.stdout, io.env))])
      if (!totals) io.stdout.write(`${summaryLines(document, styleOf(io.stdout, io.env)).join('\n')}\n`)
    },
  }
}
