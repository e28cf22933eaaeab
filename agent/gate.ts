import { denialText, judgeDial, type Policy } from '../judge/policy.ts'
import { costOf, judgeCost } from '../judge/run-cost.ts'
import type { Allow } from '../probes/allow.ts'
import type { Options } from '../wire/options.ts'
import type { Kind } from '../wire/result.ts'
import type { Budget } from './budget.ts'

/** So many verdicts are kept: as many as a large agent has paths. */
const mostVerdicts = 16_384

/**
 * The policy in the form that `runProbe` takes: asked with each address as it is dialled. A policy never changes and judging is pure, so what
 * a path dials every second is judged once.
 */
export const allowBy = (policy: Policy): Allow => {
  const verdicts = new Map<string, string | undefined>()
  return dial => {
    const key = `${dial.kind}\0${dial.address}\0${dial.port ?? ''}\0${dial.source ?? ''}`
    const known = verdicts.get(key)
    if (known !== undefined || verdicts.has(key)) return known
    if (verdicts.size >= mostVerdicts) verdicts.clear()
    const verdict = denialText(judgeDial(policy, dial))
    verdicts.set(key, verdict)
    return verdict
  }
}

/** Why a run may not start now; undefined when it may, and then its share of the budget is taken. `options` are complete. */
export const refuseRun = <K extends Kind>(
  { policy, budget, nowMs }: { policy: Policy; budget: Budget; nowMs: number },
  run: { kind: K; options: Options[K]; address?: string },
): string | undefined => {
  const cost = costOf(run.kind, run.options)
  return judgeCost(cost, policy.budgets) ?? budget.take(cost, run.address, nowMs)
}
