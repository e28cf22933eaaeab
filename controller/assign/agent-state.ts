/** What an agent is, by when it was last heard of. */
import type { AgentStatus } from '../store/agents.ts'

export const agentStates = ['live', 'late', 'lost', 'draining', 'retired', 'banned'] as const
export type AgentState = (typeof agentStates)[number]

/** Two heartbeats of its stream. */
export const lateMs = 30_000
/** Its stream is dialled anew after 45 s of silence: whoever is away for two of these has not found back. */
export const lostMs = 90_000
/** A node that is away for so long does not come back. */
export const retiredMs = 3_600_000

/**
 * Pure. A lost agent keeps what it was told and stays a target until it retires: that nobody reaches it is what its probers are to find out, and a controller that is
 * cut off must not turn the mesh around. One that said goodbye is not lost, however long ago.
 */
export const stateOf = (
  { status, lastSeenMs, isBanned }: { status: AgentStatus; lastSeenMs: number; isBanned: boolean },
  nowMs: number,
): AgentState => {
  if (isBanned) return 'banned'
  if (status === 'retired') return 'retired'
  const silentMs = nowMs - lastSeenMs
  if (silentMs >= retiredMs) return 'retired'
  if (status === 'draining') return 'draining'
  if (silentMs >= lostMs) return 'lost'
  return silentMs >= lateMs ? 'late' : 'live'
}
