import { denialText, judgeDial, type Policy } from '../judge/policy.ts'
import { costOf, judgeCost } from '../judge/run-cost.ts'
import type { Allow } from '../probes/allow.ts'
import type { Options } from '../wire/options.ts'
import type { Kind } from '../wire/result.ts'
import type { Budget } from './budget.ts'

/** The policy in the form that `runProbe` takes: asked with each address as it is dialled. */
export const allowBy =
  (policy: Policy): Allow =>
  dial =>
    denialText(judgeDial(policy, dial))

/** Why a run may not start now; undefined when it may, and then its share of the budget is taken. `options` are complete. */
export const refuseRun = <K extends Kind>(
  { policy, budget, nowMs }: { policy: Policy; budget: Budget; nowMs: number },
  run: { kind: K; options: Options[K]; address?: string },
): string | undefined => {
  const cost = costOf(run.kind, run.options)
  return judgeCost(cost, policy.budgets) ?? budget.take(cost, run.address, nowMs)
}
