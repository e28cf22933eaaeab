/** `probe watch --from --to`: an agent of the fleet watches, and what it sees is shown as that of a watch from here. */
import { longestWatchMs, type WatchAsk, type WatchPart } from '../wire/api/watches.ts'
import { formatDuration, parseDurationMs, parseNumber, quote } from '../wire/values.ts'
import { type WatchDocument, type WatchKind, watchKinds } from '../wire/watch.ts'
import type { CheckAttempt, CheckRun } from './check-text.ts'
import { isOver } from './check-text.ts'
import { flagOfWords, isSet, outputProblems, strayProblems, type Words } from './command-words.ts'
import type { Client } from './controller-client.ts'
import type { Io } from './io.ts'
import { printable } from './printable.ts'
import { flags } from './watch-help.ts'
import { watchOutputs } from './watch-options.ts'
import { buildLineReport, type LineReport } from './watch-report.ts'
import { sayTrouble, withClient } from './with-client.ts'

const defaultIntervalMs = 50
const defaultDurationMs = 300_000
const defaultTimeoutMs = 1000
/** How long one question waits for news; a proxy on the way would end longer ones. */
const waitMs = 10_000
/** What only a watch from here can be told. */
const ownFlags = ['family', 'source', 'size', 'no-look']

type Asked = { from?: string; to?: string; kinds: [string]; agents: 1; watch: WatchAsk }

export const readFleetWatch = (words: Words): { asked: Asked; problems: string[] } => {
  const problems = [
    ...strayProblems('watch', words, 'with --from and --to it takes options only'),
    ...outputProblems(words, watchOutputs),
    ...['from', 'to'].flatMap(name => (flagOfWords(words, name) === undefined ? [`--${name}: missing`] : [])),
    ...ownFlags.flatMap(name =>
      flagOfWords(words, name) !== undefined || isSet(words, name) ? [`--${name}: is not for a watch by an agent`] : [],
    ),
  ]
  const duration = (name: string, usual: number | undefined, least: number, most: number): number | undefined => {
    const text = flagOfWords(words, name)
    if (!text) return usual
    const parsed = parseDurationMs(text)
    if (!parsed.ok) problems.push(...parsed.problems.map(problem => `--${name}: ${problem}`))
    else if (parsed.value < least || parsed.value > most)
      problems.push(`--${name}: got ${text}, want ${formatDuration(least)} to ${formatDuration(most)}`)
    return parsed.ok ? parsed.value : usual
  }
  const rate = flagOfWords(words, 'rate')
  const perSecond = rate ? parseNumber(rate) : undefined
  if (perSecond && !(perSecond.ok && perSecond.value >= 1 / 60 && perSecond.value <= 1000))
    problems.push(`--rate: got ${quote(rate!)}, want at most 1000 a second`)
  if (rate && flagOfWords(words, 'interval')) problems.push('--rate: say --interval or --rate, not both')
  const intervalMs = duration('interval', perSecond?.ok ? 1000 / perSecond.value : defaultIntervalMs, 1, 60_000)!
  const kind = flagOfWords(words, 'kind') ?? 'icmp'
  if (!watchKinds.some(one => one === kind)) problems.push(`--kind: got ${quote(kind)}, want ${watchKinds.join(', ')}`)
  const watch = {
    intervalMs,
    timeoutMs: duration('timeout', Math.max(defaultTimeoutMs, intervalMs), 10, 60_000)!,
    durationMs: duration('duration', defaultDurationMs, 1000, longestWatchMs)!,
    objectiveMs: duration('objective', undefined, 1, longestWatchMs),
  }
  const places = { from: flagOfWords(words, 'from'), to: flagOfWords(words, 'to') }
  return { asked: { ...places, kinds: [kind], agents: 1, watch }, problems }
}

export const fleetWatchCommand = async (words: Words, io: Io): Promise<number> => {
  const { asked, problems } = readFleetWatch(words)
  return await withClient({ name: 'watch', words, flags, io }, problems, async (client, stop) => {
    const begun = await client.ask<CheckRun>('/v1/runs', { method: 'POST', body: asked }, stop)
    // Nobody there can measure it: that is no failure of the network.
    if (!begun.ok) return sayTrouble('watch', begun.status === 409 ? { ...begun, exitCode: 3 } : begun, io)
    const { watch, kinds } = asked
    const output = (flagOfWords(words, 'output') ?? 'human') as (typeof watchOutputs)[number]
    // Its news come about once a second, from elsewhere: lines say that better than a live view.
    const report = buildLineReport(output, io)
    const shown = { run: begun.value, kind: kinds[0] as WatchKind, ...watch, report }
    return await follow(client, shown, io, stop)
  })
}

type Shown = { run: CheckRun; kind: WatchKind; intervalMs: number; report: LineReport }
type WatchAttempt = CheckAttempt & { watch?: WatchPart }

/** Shows what comes, until the agent has finished. Returns the exit code. */
const follow = async (client: Client, { run: { id }, kind, intervalMs, report }: Shown, io: Io, stop: AbortSignal): Promise<number> => {
  let [after, isBegun] = [0, false]
  const totals = { sent: 0, lost: 0 }
  for (;;) {
    const query = { wait: `${waitMs / 1000}s`, after }
    const run = await client.ask<CheckRun>(`/v1/runs/${encodeURIComponent(id)}`, { query }, stop)
    if (!run.ok) {
      if (!stop.aborted) return sayTrouble('watch', run, io)
      io.stderr.write(`probe watch: stopped; the agent goes on until its time is over, probe get run ${id} shows what comes of it\n`)
      return 130
    }
    const attempt = run.value.agents[0] as WatchAttempt | undefined
    const { events, begun, document } = attempt?.watch ?? { events: [] }
    if (attempt && begun && !isBegun) {
      isBegun = true
      const way = `${attempt.agent} to ${attempt.target.name}  ${begun.address}`
      report.begin(begun.startedAt, printable(`${way}  ${kind} every ${formatDuration(intervalMs)}`))
    }
    for (const { number, event } of events) {
      after = number
      if (event.type === 'second') {
        totals.sent += event.second.sent
        totals.lost += event.second.lost
      }
      report.event(withoutEscapes(event), totals)
    }
    if (isOver(run.value)) return end(attempt, document && withoutEscapes(document), report, io)
  }
}

const end = (attempt: WatchAttempt | undefined, document: WatchDocument | undefined, report: LineReport, io: Io): number => {
  for (const problem of attempt?.problems ?? []) io.stderr.write(`probe watch: ${printable(problem)}\n`)
  if (!document) return 3
  report.end(document)
  return { ok: 0, fail: 1, unmeasured: 3 }[document.verdict]
}

/** An agent's words on a terminal. */
const withoutEscapes = <T>(said: T): T =>
  JSON.parse(JSON.stringify(said), (_, value: unknown) => (typeof value === 'string' ? printable(value) : value)) as T
