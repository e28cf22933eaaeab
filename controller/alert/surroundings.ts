/** What an evaluation knows of the world around its paths, at one moment: the fleet, the agents, and what people have decided. */
import type { AgentState } from '../assign/agent-state.ts'
import type { MergedFleet } from '../fleet/merge.ts'
import type { Location } from '../fleet/select.ts'
import type { StoredChange, StoredMaintenance } from '../store/silences.ts'
import type { Rules } from './rules.ts'

export type AlertAgent = {
  readonly id: string
  readonly location: Location
  readonly state: AgentState
  readonly lastSeenMs: number
  readonly isCordoned: boolean
  /** Of the identity that others see, where it has a SPIFFE ID. */
  readonly trustDomain?: string
}

export type Surroundings = {
  readonly nowMs: number
  /** When this controller began to lead: what was before it, it has not seen. */
  readonly startedMs: number
  readonly rules: Rules
  readonly fleet: MergedFleet
  readonly generation: number
  readonly agents: ReadonlyMap<string, AlertAgent>
  /** Checks and targets that each agent has now. */
  readonly assigned: ReadonlyMap<string, ReadonlySet<string>>
  readonly maintenance: readonly StoredMaintenance[]
  readonly changes: readonly StoredChange[]
  /** Where this controller is, if it was told. */
  readonly location?: Location
}
