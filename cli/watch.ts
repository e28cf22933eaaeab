/** `probe watch`: one path, probed without a pause; outages to the millisecond and what was different after them. */
import { isIP } from 'node:net'
import { summarise } from '../judge/watch/summary.ts'
import { buildWatch } from '../judge/watch/watch.ts'
import type { Resolved } from '../probes/finding.ts'
import { runProbe } from '../probes/index.ts'
import { buildLook, loadLook, startLooks } from '../probes/watch/look.ts'
import { runPath } from '../probes/watch/run.ts'
import { emptyHistogram } from '../wire/histogram.ts'
import type { Family, Outcome } from '../wire/result.ts'
import { formatTarget } from '../wire/target.ts'
import { formatDuration } from '../wire/values.ts'
import type { WatchDocument } from '../wire/watch.ts'
import type { Words } from './command-words.ts'
import { exitCodeOfSignal, type Io, type StopSignal } from './io.ts'
import { printable } from './printable.ts'
import { isFleetWatch, parseWatchWords, type WatchPlan } from './watch-options.ts'
import { buildReport, type WatchReport } from './watch-report.ts'

export const watchCommand = async (words: Words, io: Io): Promise<number> => {
  if (isFleetWatch(words)) return await (await import('./watch-fleet.ts')).fleetWatchCommand(words, io)
  const plan = parseWatchWords(words)
  if (!plan.ok) {
    io.stderr.write(plan.problems.map(problem => `probe watch: ${printable(problem)}\n`).join(''))
    return 2
  }
  const stop = new AbortController()
  let stoppedBy: StopSignal | undefined
  const removeListener = io.onStop(signal => {
    if (stoppedBy) io.exit(exitCodeOfSignal[signal])
    stoppedBy = signal
    stop.abort()
  })
  try {
    const target = await resolve(plan.value, stop.signal)
    if ('kind' in target) return refuse(target, io)
    const code = await watchTarget(plan.value, target, io, stop.signal)
    return stoppedBy === 'SIGPIPE' ? exitCodeOfSignal.SIGPIPE : code
  } finally {
    removeListener()
  }
}

/** The name is looked up once: it is one address that is watched. */
const resolve = async (plan: WatchPlan, signal: AbortSignal): Promise<Resolved | Outcome> => {
  const { target, port, family } = plan
  const named = { host: target.host, ...(port !== undefined && { port }) }
  if (target.family) return { ...named, address: target.host, family: target.family }
  const dns = await runProbe('dns', named as Resolved, { family }, signal)
  const address = dns.measured.addresses?.find(one => isIP(one))
  return address ? { ...named, address, family: isIP(address) as Family } : dns.outcome
}

const refuse = (outcome: Outcome, io: Io): number => {
  if (outcome.kind !== 'ok') io.stderr.write(`probe watch: ${outcome.reason}: ${printable(outcome.detail)}\n`)
  return outcome.kind === 'fail' ? 1 : 3
}

const titleOf = ({ kind, target, intervalMs }: WatchPlan, { address, port }: Resolved): string => {
  const where = formatTarget({ host: target.host, ...(port !== undefined && { port }) })
  return `${where}${target.host === address ? '' : `  ${address}`}  ${kind} every ${formatDuration(intervalMs)}`
}

const watchTarget = async (plan: WatchPlan, target: Resolved, io: Io, signal: AbortSignal): Promise<number> => {
  const { kind, intervalMs, timeoutMs, durationMs, objectiveMs } = plan
  let startMs = io.elapsedMs()
  let startedAt = io.now().toISOString()
  const nowMs = (): number => io.elapsedMs() - startMs
  const report = buildReport(plan, io, nowMs)
  const watch = buildWatch({ intervalMs, timeoutMs }, event => {
    report.event(event, watch.totals)
    looks?.event(event)
  })
  const looks = plan.looks ? startLooks(buildLook(runProbe, target, kind, plan.source), () => watch, nowMs) : undefined
  const options = { kind, intervalMs, timeoutMs, durationMs, address: target.address, family: target.family, port: target.port }
  if (looks) await loadLook(kind)
  const run = await runPath({ ...options, source: plan.source, sizeBytes: plan.sizeBytes }, watch, signal, () => {
    startMs = io.elapsedMs()
    startedAt = io.now().toISOString()
    report.begin(startedAt, titleOf(plan, target))
    looks?.begin()
  })
  looks?.end()
  if ('kind' in run) return refuse(run, io)
  const spentMs = nowMs()
  watch.close()
  const document = summarise(watch.totals, {
    ...{ startedAt, kind, intervalMs, objectiveMs, overflow: run.overflow, latenessMs: run.latenessMs ?? emptyHistogram() },
    target: { host: target.host, address: target.address, family: target.family, ...(target.port !== undefined && { port: target.port }) },
    durationMs: Math.min(spentMs, durationMs ?? spentMs),
  })
  return end(document, report)
}

const end = (document: WatchDocument, report: WatchReport): number => {
  report.end(document)
  return { ok: 0, fail: 1, unmeasured: 3 }[document.verdict]
}
