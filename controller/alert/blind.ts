/** How much of each link is measured, of all that ought to be. Paths of agents that are lost, cordoned or drained are not expected: that is said by their own names. Pure. */
import { plural } from '../../wire/plural.ts'
import type { Fleetwise } from './fleetwise.ts'
import { none, type Paths } from './paths.ts'
import type { Surroundings } from './surroundings.ts'

/** Paths of which nothing was heard for so long are not measured: what makes a link blind. */
export const blindMs = 600_000

/** `why`: of paths that are not measured, what their agents say, by how many say it. */
export type Coverage = { measured: number; expected: number; why: Map<string, number>; agents: Set<string> }
type Known = {
  readonly paths: Paths
  readonly fleetwise: Fleetwise
  measuredMs(path: number): number
  /** Why its last runs measured nothing; undefined where nothing was heard. */
  unmeasured(path: number): string | undefined
}
const silent = 'nothing is heard'

/** `2 of 9 paths are measured: local_svid_unavailable ×5, nothing is heard ×2`. */
export const sayCoverage = ({ measured, expected, why }: Coverage): string => {
  const reasons = [...why].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).map(([reason, count]) => `${reason} ×${count}`)
  return `${measured} of ${plural(expected, 'path')} ${expected === 1 ? 'is' : 'are'} measured: ${reasons.slice(0, 4).join(', ')}`
}

/** By the number of the link. */
export const coverageOf = (
  { paths, fleetwise, measuredMs, unmeasured }: Known,
  { nowMs, agents, assigned }: Pick<Surroundings, 'nowMs' | 'agents' | 'assigned'>,
): Map<number, Coverage> => {
  const counts = new Map<number, Coverage>()
  for (let path = 0; path < paths.size; path++) {
    const labels = paths.labels[path]
    const link = paths.link[path]!
    const agent = labels && agents.get(paths.agents[path]!)
    if (!labels || link === none || !agent || agent.state !== 'live' || agent.isCordoned) continue
    if (!assigned.get(agent.id)?.has(`${labels.check}\0${labels.target}`)) continue
    const one = counts.get(link) ?? { measured: 0, expected: 0, why: new Map(), agents: new Set() }
    counts.set(link, one)
    one.expected++
    const everyMs = fleetwise.everyMs(labels.check)
    if (measuredMs(path) > nowMs - Math.max(blindMs, 2.5 * everyMs)) {
      one.measured++
      continue
    }
    const reason = unmeasured(path) ?? silent
    one.why.set(reason, (one.why.get(reason) ?? 0) + 1)
    one.agents.add(agent.id)
  }
  return counts
}
