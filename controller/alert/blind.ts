/** How much of each link is measured, of all that ought to be. Paths of agents that are lost, cordoned or drained are not expected: that is said by their own names. Pure. */
import type { Fleetwise } from './fleetwise.ts'
import { none, type Paths } from './paths.ts'
import type { Surroundings } from './surroundings.ts'

/** Paths of which nothing was heard for so long are not measured: what makes a link blind. */
export const blindMs = 600_000

export type Coverage = { measured: number; expected: number }
type Known = { readonly paths: Paths; readonly fleetwise: Fleetwise; measuredMs(path: number): number }

/** By the number of the link. */
export const coverageOf = (
  { paths, fleetwise, measuredMs }: Known,
  { nowMs, agents, assigned }: Pick<Surroundings, 'nowMs' | 'agents' | 'assigned'>,
): Map<number, Coverage> => {
  const counts = new Map<number, Coverage>()
  for (let path = 0; path < paths.size; path++) {
    const labels = paths.labels[path]
    const link = paths.link[path]!
    const agent = labels && agents.get(paths.agents[path]!)
    if (!labels || link === none || !agent || agent.state !== 'live' || agent.isCordoned) continue
    if (!assigned.get(agent.id)?.has(`${labels.check}\0${labels.target}`)) continue
    const one = counts.get(link) ?? { measured: 0, expected: 0 }
    counts.set(link, one)
    one.expected++
    const everyMs = fleetwise.everyMs(labels.check)
    if (measuredMs(path) > nowMs - Math.max(blindMs, 2.5 * everyMs)) one.measured++
  }
  return counts
}
