import type { AssignedTarget } from '../wire/assignment.ts'
import type { Options } from '../wire/options.ts'
import type { Kind } from '../wire/result.ts'

/** Where something is. */
export type Place = { cloud: string; region: string; zone?: string }

/** One check on one target from this agent: the unit that has a verdict. Made once by expanding the assignment, frozen, never written to. */
export type Path<K extends Kind = Kind> = {
  /** `check/target`: unique in an assignment, the same over restarts. Fixes the phase of its schedule. */
  readonly key: string
  readonly check: string
  readonly kind: K
  readonly target: AssignedTarget
  readonly host: string
  readonly port?: number
  readonly destination?: Place
  readonly everyMs: number
  readonly timeoutMs: number
  readonly latenessMs: number
  readonly expectAuthorized: boolean
  /** Complete, with the defaults of the kind: what the probe is given. */
  readonly options: Options[K]
}

/** Where an agent that says its cloud stands. */
export const placeOf = ({ cloud, region = '', zone }: Partial<Place>): Place | undefined =>
  cloud === undefined ? undefined : { cloud, region, zone }
