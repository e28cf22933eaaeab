/** What planning knows of the agents that the store has. */
import type { StoredAgent } from '../store/agents.ts'
import type { LiveAgent } from './live-agent.ts'

/** Those that are banned or retired are not there at all. */
export const liveAgents = (stored: readonly StoredAgent[]): LiveAgent[] =>
  stored.flatMap(({ id, location, labels, advertise, details, status, cordoned, banned }): LiveAgent[] => {
    if (banned || status === 'retired') return []
    const { spiffeId } = details
    const runner = workloadOf(details['runner'])
    return [
      {
        id,
        location,
        labels,
        advertise,
        ...(typeof spiffeId === 'string' && { spiffeId }),
        ...(runner && { runner }),
        ...(cordoned && { cordoned: true }),
        ...(status === 'draining' && { draining: true }),
      },
    ]
  })

export const workloadOf = (value: unknown): LiveAgent['runner'] => {
  const { namespace, serviceAccount } = (value ?? {}) as { namespace?: unknown; serviceAccount?: unknown }
  return typeof namespace === 'string' && typeof serviceAccount === 'string' ? { namespace, serviceAccount } : undefined
}
