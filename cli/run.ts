/** `probe run`: from words to results, a diagnosis and an exit code. */
import { networkInterfaces } from 'node:os'
import type { Diagnosis } from '../wire/causes.ts'
import type { AnyResult, Kind, RunDocument, Verdict } from '../wire/result.ts'
import type { AskedTarget } from '../wire/target.ts'
import { good } from '../wire/values.ts'
import type { EvidenceFile } from './evidence.ts'
import { exitCodeOfSignal, type Io, type StopSignal } from './io.ts'
import { askedKinds, climb, type Engine } from './ladder.ts'
import { familiesOf } from './local-family.ts'
import { printable } from './printable.ts'
import type { Reporter } from './reporter.ts'
import { parseRunWords, type RunPlan } from './run-options.ts'
import type { Words } from './run-words.ts'
import { readVersion } from './version.ts'

/** What `run` needs of the other rooms. */
export type RunEngine = Engine & {
  diagnose(results: readonly AnyResult[], facts: { startedAt: string }): Diagnosis[] | Promise<Diagnosis[]>
  verdictOf(results: readonly AnyResult[], asked: readonly Kind[]): Verdict
  exitCodeOf(results: readonly AnyResult[], asked: readonly Kind[]): number
}

/** Loaded only after the first line is out: the probes bring the door to the kernel with them. */
const loadEngine = async (): Promise<RunEngine> => {
  const [{ runProbe }, { isPlain, settle, verdictOf, exitCodeOf }] = await Promise.all([
    import('../probes/index.ts'),
    import('../judge/diagnose/verdict.ts'),
  ])
  const diagnose: RunEngine['diagnose'] = async (results, facts) =>
    isPlain(results) ? [] : (await import('../judge/diagnose/diagnose.ts')).diagnose(results, facts)
  return { runProbe, diagnose, settle, verdictOf, exitCodeOf }
}

/** More at once would compete for this machine and measure that. */
const targetsAtOnce = 16

/** The command. `args` are the words as typed, for the transcript. Returns the exit code. */
export const runCommand = async (words: Words, args: string[], io: Io, load: () => Promise<RunEngine> = loadEngine): Promise<number> => {
  const plan = await parseRunWords(words, familiesOf(networkInterfaces()), io.env)
  const path = words.flags.evidence?.[0]
  const file = path ? (await import('./evidence.ts')).openEvidence(path) : good<EvidenceFile | undefined>(undefined)
  if (!plan.ok || !file.ok) {
    if (file.ok) file.value?.discard()
    const problems = [...(plan.ok ? [] : plan.problems), ...(file.ok ? [] : file.problems)]
    io.stderr.write(problems.map(problem => `probe run: ${printable(problem)}\n`).join(''))
    return 2
  }
  return runPlan(plan.value, args, io, load, file.value)
}

/** Loads no other format than the one that was asked for. */
const buildReporter = async ({ output, targets }: RunPlan, io: Io): Promise<Reporter> => {
  if (output === 'human') return (await import('./human.ts')).buildHuman(targets, io)
  const { buildNdjson, buildWhole, jsonText } = await import('./machine.ts')
  if (output === 'ndjson') return buildNdjson(io)
  if (output === 'junit') return buildWhole((await import('./junit.ts')).junitText, io)
  return buildWhole(output === 'markdown' ? (await import('./markdown.ts')).markdownText : jsonText, io)
}

const runPlan = async (plan: RunPlan, args: string[], io: Io, load: () => Promise<RunEngine>, file?: EvidenceFile): Promise<number> => {
  const stop = new AbortController()
  let stoppedBy: StopSignal | undefined
  const removeListener = io.onStop(signal => {
    if (stoppedBy) {
      file?.discard()
      io.exit(exitCodeOfSignal[signal])
    }
    stoppedBy = signal
    stop.abort()
  })
  const evidence = file && (await import('./evidence.ts')).buildEvidence(plan, args, readVersion(), io)
  const reporter = await buildReporter(plan, io)
  const report: Reporter['event'] = (index, event) => {
    evidence?.event(index, event)
    reporter.event(index, event)
  }
  try {
    const starts = plan.targets.map(() => io.now().toISOString())
    for (const index of plan.targets.slice(0, targetsAtOnce).keys()) report(index, { type: 'begin' })
    const engine = await load()
    const codes: number[] = []
    const documents = await inTurns(plan.targets, targetsAtOnce, async (target, index) => {
      if (index >= targetsAtOnce) {
        starts[index] = io.now().toISOString()
        report(index, { type: 'begin' })
      }
      const { target: reached, results } = await climb(target, plan, engine, event => report(index, event), io, stop.signal)
      const document = await judgeRun(target, plan, reached, results, starts[index]!, engine)
      codes.push(engine.exitCodeOf(results, askedKinds(target)))
      report(index, { type: 'end', document })
      return document
    })
    reporter.close(documents)
    if (evidence) file.write(evidence.text(documents))
    if (stoppedBy && stoppedBy !== 'SIGPIPE') io.stderr.write(`probe run: stopped by ${stoppedBy}\n`)
    return stoppedBy ? exitCodeOfSignal[stoppedBy] : ([1, 3].find(code => codes.includes(code)) ?? 0)
  } finally {
    file?.discard()
    removeListener()
  }
}

const judgeRun = async (
  asked: AskedTarget,
  { given, mutual }: RunPlan,
  target: RunDocument['target'],
  results: AnyResult[],
  startedAt: string,
  engine: RunEngine,
): Promise<RunDocument> => {
  const found = await engine.diagnose(results, { startedAt })
  const diagnosis = found.length ? (await import('./as-asked.ts')).asAsked(found, asked, given, mutual) : []
  return { schema: 'causeway.run/1', startedAt, verdict: engine.verdictOf(results, askedKinds(asked)), target, results, diagnosis }
}

/** All items through `work`, at most `atOnce` at a time; results in the items' order. */
const inTurns = async <T, R>(items: T[], atOnce: number, work: (item: T, index: number) => Promise<R>): Promise<R[]> => {
  const results: R[] = []
  const queue = items.entries()
  const worker = async () => {
    for (const [index, item] of queue) results[index] = await work(item, index)
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker))
  return results
}
