/** A check as the plan needs it: parsed once, of a kind that this version measures. */
import type { AssignedCheck } from '../../wire/assignment.ts'
import { readOptions } from '../../wire/check-options.ts'
import type { FleetCheck } from '../../wire/fleet.ts'
import type { Kind } from '../../wire/result.ts'
import { msOf } from '../fleet/duration.ts'
import { type RunCost, runCost } from './cost.ts'
import type { Service } from './live-agent.ts'

export type PlannedCheck = {
  check: FleetCheck
  everyMs: number
  cost: RunCost /** All but the targets. */
  assigned: Omit<AssignedCheck, 'targets'>
}

/** The port of a responder that answers a kind. */
export const serviceOf = (kind: Kind): Service => (kind === 'mtls' ? 'mtls' : kind === 'tls' || kind === 'mtu' ? 'tls' : 'echo')

/** By name. */
export const plannedChecks = (checks: readonly FleetCheck[]): Map<string, PlannedCheck> =>
  new Map(checks.map(check => [check.name, planned(check, check.kind)]))

const planned = (check: FleetCheck, kind: Kind): PlannedCheck => {
  const { value, given } = readOptions(kind, (check.options ?? {}) as Record<string, unknown>)
  const { name, every, timeout, expectAuthorized, lateness, as } = check
  const assigned = {
    name,
    kind,
    every,
    ...(timeout !== undefined && { timeout }),
    ...(Object.keys(given).length > 0 && { options: given }),
    ...(expectAuthorized !== undefined && { expectAuthorized }),
    ...(lateness !== undefined && { lateness }),
    // A runner takes nothing that does not name it.
    ...(as !== 'agent' && { as }),
  }
  return { check, everyMs: msOf(every), cost: runCost(kind, value), assigned }
}
