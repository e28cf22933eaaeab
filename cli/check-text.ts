/** A run that agents did, told as `probe run` tells its own: one block for each agent, then which way it fails. */
import type { Attempt, RunAnswer } from '../wire/api/runs.ts'
import type { Diagnosis } from '../wire/causes.ts'
import type { AnyResult, RunDocument, Verdict } from '../wire/result.ts'
import { parseTarget } from '../wire/target.ts'
import { endLines, stepLines } from './human.ts'
import { printable } from './printable.ts'
import { type Style, wrap } from './terminal.ts'

/** One agent against one target. */
export type CheckAttempt = Omit<Attempt, 'results' | 'diagnosis'> & { results: AnyResult[]; diagnosis: Diagnosis[] }
/** `GET /v1/runs/{id}`. */
export type CheckRun = Omit<RunAnswer, 'agents'> & { agents: CheckAttempt[] }

export const isOver = ({ state }: { state: CheckAttempt['state'] }): boolean => state === 'done' || state === 'expired'

/** `aws/us-east-1 → azure/eastus`. */
export const wayOf = ({ asked }: CheckRun, direction: CheckAttempt['direction']): string => {
  const [from = '?', to = '?'] = [asked.from, asked.to]
  return direction === 'forward' ? `${from} → ${to}` : `${to} → ${from}`
}

export const documentOf = (
  { createdAt }: CheckRun,
  { target: { name, address }, verdict, results, diagnosis }: CheckAttempt,
): RunDocument => {
  const parsed = parseTarget(address)
  const { host, port } = parsed.ok ? parsed.value : { host: address }
  return {
    schema: 'causeway.run/1',
    startedAt: results[0]?.startedAt ?? createdAt,
    verdict,
    target: { ...results[0]?.target, name, host, ...(port !== undefined && { port }) },
    results,
    diagnosis,
  }
}

export const attemptLines = (run: CheckRun, attempt: CheckAttempt, style: Style): string[] => {
  const { agent, direction, target, results, problems } = attempt
  const head = `${wayOf(run, direction)}  `
  return [
    style.strong(printable(head)) + style.dim(printable(`${agent} to ${target.name} ${target.address}`)),
    ...results.flatMap(result => stepLines(result, style)),
    ...problems.flatMap(problem => wrap(`  ${style.symbols.none} ${printable(problem)}`, style.width).map(style.dim)),
    '',
    ...endLines(fromThere(documentOf(run, attempt), agent), style),
    '',
  ]
}

/** A command of the diagnosis is about the address that this agent was given, and only its own network may lead there. */
const fromThere = (document: RunDocument, agent: string): RunDocument => ({
  ...document,
  diagnosis: document.diagnosis.map(one => (one.next?.startsWith('probe run ') ? { ...one, next: `on ${agent}: ${one.next}` } : one)),
})

const worst = (verdicts: readonly Verdict[]): Verdict =>
  (['fail', 'unmeasured', 'degraded', 'ok'] as const).find(one => verdicts.includes(one)) ?? 'unmeasured'

export const verdictOfWay = ({ agents }: CheckRun, direction: CheckAttempt['direction']): Verdict | undefined => {
  const own = agents.filter(one => one.direction === direction)
  return own.length ? worst(own.map(one => (isOver(one) ? one.verdict : 'unmeasured'))) : undefined
}

const words: Record<Verdict, string> = { ok: 'ok', degraded: 'works, with warnings', fail: 'FAILS', unmeasured: 'not measured' }

/** One line for each way, last, where a pipeline's log ends. */
export const wayLines = (run: CheckRun, style: Style): string[] =>
  (['forward', 'reverse'] as const).flatMap(direction => {
    const verdict = verdictOfWay(run, direction)
    if (verdict === undefined) return []
    const paint = { ok: style.good, degraded: style.warn, fail: style.bad, unmeasured: style.dim }[verdict]
    return [paint(`${printable(wayOf(run, direction))}: ${words[verdict]}`)]
  })

/** What the process says to the pipeline. */
export const exitCodeOfRun = (run: CheckRun): 0 | 1 | 3 => {
  const verdicts = (['forward', 'reverse'] as const).flatMap(direction => verdictOfWay(run, direction) ?? [])
  const missing = run.asked.bothWays ? verdicts.length < 2 : verdicts.length < 1
  if (verdicts.includes('fail')) return 1
  return missing || verdicts.includes('unmeasured') ? 3 : 0
}
