/** What came of a run, as `probe run` would say it: pure. Results are an agent's words, so whatever of them is no result is left out. */
import { diagnose } from '../../judge/diagnose/diagnose.ts'
import { settle, verdictOf } from '../../judge/diagnose/verdict.ts'
import type { Attempt, RunAnswer, RunState } from '../../wire/api/runs.ts'
import type { Diagnosis } from '../../wire/causes.ts'
import { isObject } from '../../wire/read.ts'
import { type AnyResult, type Kind, kinds, type Result, type Verdict } from '../../wire/result.ts'
import type { RunPart, StoredRun } from '../store/runs.ts'
import { tellWatch, watchOf } from './watch.ts'

/** `after`: of a watch, the number of the last event that is known already. */
export const runAnswer = (run: StoredRun, parts: readonly RunPart[], nowMs: number, after = 0): RunAnswer => {
  const named = (run.asked['kinds'] ?? []) as Kind[]
  const agents = withWaysBack(parts.map(part => attemptOf(part, named, nowMs, after)))
  const states = agents.map(({ state }) => state)
  const iso = (ms: number): string => new Date(ms).toISOString()
  return {
    schema: 'causeway.check/1',
    id: run.id,
    state: (['expired', 'running'] as const).find(state => states.includes(state)) ?? stateOfRest(states),
    verdict: worst(agents.filter(({ state }) => state === 'done' || state === 'expired').map(({ verdict }) => verdict as Verdict)),
    createdAt: iso(run.createdMs),
    expiresAt: iso(run.expiresMs),
    author: run.author,
    asked: run.asked,
    agents,
  }
}

/** Some are done and some wait: it runs. */
const stateOfRest = (states: readonly RunState[]): RunState =>
  states.every(state => state === 'done') ? 'done' : states.includes('done') ? 'running' : 'waiting'

const worst = (verdicts: readonly Verdict[]): Verdict =>
  (['fail', 'unmeasured', 'degraded', 'ok'] as const).find(verdict => verdicts.includes(verdict)) ?? 'unmeasured'

const attemptOf = (part: RunPart, named: readonly Kind[], nowMs: number, after: number): Attempt => {
  const { targets, checks } = JSON.parse(part.message) as { targets: { name: string; address: string }[]; checks: { kind: Kind }[] }
  const results = part.results.flatMap(result => readResult(result) ?? [])
  const lost = part.results.length - results.length
  const unserved = named.filter(kind => !checks.some(check => check.kind === kind))
  const told = watchOf(part.message) ? tellWatch(part, after) : { ...judge(results, named), problems: part.problems }
  return {
    agent: part.agentId,
    direction: part.direction,
    // Of several ports of one agent the one that is named by the agent alone.
    target: targets.toSorted((a, b) => a.name.length - b.name.length)[0] ?? { name: '', address: '' },
    state: stateOfPart(part, nowMs),
    ...told,
    problems: [
      ...told.problems,
      ...unserved.map(kind => `${kind}: the agent at the other end has nothing that answers it`),
      ...(lost > 0 && !watchOf(part.message) ? [`${lost} of what the agent sent are no results`] : []),
      ...(part.doneMs === undefined && part.expiresMs <= nowMs ? ['the agent has not answered in time'] : []),
    ],
  } as Attempt
}

const stateOfPart = ({ doneMs, expiresMs, sentMs }: RunPart, nowMs: number): RunState =>
  doneMs !== undefined ? 'done' : expiresMs <= nowMs ? 'expired' : sentMs === undefined ? 'waiting' : 'running'

type Judged = { verdict: Verdict; results: AnyResult[]; diagnosis: Diagnosis[] }

const judge = (results: readonly AnyResult[], named: readonly Kind[]): Judged => {
  const startedAt = results[0]?.startedAt ?? new Date(0).toISOString()
  const settled = settle(results, named)
  return { verdict: verdictOf(settled, named), results: settled, diagnosis: explain(settled, startedAt) }
}

/**
 * Two agents that traced each other in one run see the two ways of one pair: each diagnosis is made anew with what the other saw. Traces are of one pair when each went
 * to the agent that the other came from, which their targets' names say (`agent/<id>`, `agent/<id>/host`).
 */
const withWaysBack = (attempts: readonly Attempt[]): Attempt[] =>
  attempts.map(attempt => {
    const results = attempt.results as unknown as AnyResult[]
    const peer = attempts.find(other => other.direction !== attempt.direction && isTo(other, attempt.agent) && isTo(attempt, other.agent))
    const returnTrace = peer && traceOf(peer)
    if (!returnTrace || !traceOf(attempt)) return attempt
    const startedAt = results[0]!.startedAt
    return { ...attempt, diagnosis: explain(results, startedAt, returnTrace) } as unknown as Attempt
  })

const isTo = ({ target }: Attempt, agent: string): boolean => target.name === `agent/${agent}` || target.name.startsWith(`agent/${agent}/`)

const traceOf = ({ results }: Attempt): Result<'trace'> | undefined =>
  (results as unknown as AnyResult[]).find(result => result.kind === 'trace') as Result<'trace'> | undefined

/** What the explainers look for may not be there: an agent of another version, or one that lies. */
const explain = (results: readonly AnyResult[], startedAt: string, returnTrace?: Result<'trace'>): Diagnosis[] => {
  try {
    return diagnose(results, { startedAt, ...(returnTrace && { returnTrace }) })
  } catch {
    return []
  }
}

const outcomes = ['ok', 'fail', 'unmeasured']

const readResult = (given: Readonly<Record<string, unknown>>): AnyResult | undefined => {
  const { kind, outcome, target, startedAt, phasesMs, measured, warnings, violations } = given
  if (!kinds.some(known => known === kind) || !isObject(outcome) || !outcomes.includes(String(outcome['kind']))) return undefined
  const isFailure = outcome['kind'] !== 'ok'
  if (isFailure && (typeof outcome['reason'] !== 'string' || typeof outcome['detail'] !== 'string')) return undefined
  return {
    ...given,
    target: isObject(target) && typeof target['host'] === 'string' ? target : { ...(isObject(target) && target), host: 'the target' },
    startedAt: typeof startedAt === 'string' && !Number.isNaN(Date.parse(startedAt)) ? startedAt : new Date(0).toISOString(),
    phasesMs: isObject(phasesMs) ? phasesMs : {},
    measured: isObject(measured) ? measured : {},
    warnings: Array.isArray(warnings) ? warnings.filter(isObject) : [],
    violations: Array.isArray(violations) ? violations.filter(isObject) : [],
  } as unknown as AnyResult
}
