/** Policies `full` and `hub`: every pair that crosses a link, or as many as an agent may have targets. */
import { score } from './hash.ts'
import { join, type Mix } from './mix.ts'

export const fillRest = (state: Mix): void => {
  const { agents, hashes, placeOf, targets, mesh } = state
  for (const from of agents.keys()) {
    const room = mesh.maxTargets - targets[from]!.length
    const has = new Set(targets[from])
    const candidates: number[] = []
    for (let to = 0; to < agents.length; to++)
      if (placeOf[to] !== placeOf[from] && state.mayProbe(from, to) && !has.has(to)) candidates.push(to)
    for (const to of highest(candidates, room, to => score(hashes[from]!, hashes[to]!))) join(state, from, to)
  }
}

/** The `count` of the highest points. Most are dropped by a first cut, because points are spread evenly over 32 bits. */
const highest = (candidates: readonly number[], count: number, pointsOf: (candidate: number) => number): number[] => {
  if (candidates.length <= count) return [...candidates]
  const scored = candidates.map(candidate => ({ candidate, points: pointsOf(candidate) }))
  const cut = 2 ** 32 * (1 - Math.min(1, (2 * count + 20) / candidates.length))
  const above = scored.filter(({ points }) => points >= cut)
  const from = above.length >= count ? above : scored
  return from
    .sort((a, b) => b.points - a.points || a.candidate - b.candidate)
    .slice(0, count)
    .map(({ candidate }) => candidate)
}
