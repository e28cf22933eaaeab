/** Policies `full` and `hub`: every pair that crosses a link, or as many as an agent may have targets. */
import { highest } from './hash.ts'
import { join, type Mix } from './mix.ts'

export const fillRest = (state: Mix): void => {
  const { agents, hashes, placeOf, targets, mesh } = state
  for (const from of agents.keys()) {
    const has = new Set(targets[from])
    const mayJoin = (to: number): boolean => placeOf[to] !== placeOf[from] && state.mayProbe(from, to) && !has.has(to)
    for (const to of highest(hashes, hashes[from]!, mesh.maxTargets - has.size, mayJoin)) join(state, from, to)
  }
}
