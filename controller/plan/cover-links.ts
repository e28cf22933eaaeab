/** Pairs for every link: an ordered pair of places. */
import { combine, highest } from './hash.ts'
import { best, epochOf, hasRoom, join, type Mix } from './mix.ts'
import type { Place } from './places.ts'

/** Whether limits bind somewhere: then in-degrees count what the links have given already. */
export const coverLinks = (state: Mix): boolean => {
  const { mesh, places } = state
  const demands = places.map((_, place) => demandOf(state, place))
  const isTight = places.some(({ members }, place) => demands[place]! > members.length * (mesh.maxTargets - mesh.inDegree))
  for (const [place, from] of places.entries())
    for (const to of reachable(state, place, demands[place]!)) coverLink(state, from, places[to]!, isTight)
  return isTight
}

/** Pairs that all links of a place want. */
const demandOf = ({ mesh, sizes }: Mix, from: number): number => {
  let sum = 0
  for (let to = 0; to < sizes.length; to++) if (to !== from) sum += Math.min(mesh.perLink, sizes[from]! * sizes[to]!)
  return sum
}

/**
 * The places that `from` has room to probe: all of them, or the highest ranked, so that what is left out is not always the end of the alphabet; then
 * what every agent's probers need is kept back.
 */
const reachable = ({ mesh, placeHashes, sizes }: Mix, from: number, demand: number): number[] => {
  const isOther = (to: number): boolean => to !== from
  const room = sizes[from]! * mesh.maxTargets
  if (demand <= room) return [...sizes.keys()].filter(isOther)
  let left = room - sizes[from]! * mesh.inDegree
  const ranked = highest(placeHashes, placeHashes[from]!, left, isOther)
  return ranked.filter(to => (left -= Math.min(mesh.perLink, sizes[from]! * sizes[to]!)) >= 0)
}

const coverLink = (state: Mix, from: Place, to: Place, isTight: boolean): void => {
  const wanted = Math.min(state.mesh.perLink, from.members.length * to.members.length)
  const uses = new Map<number, number>()
  for (let slot = 0; slot < wanted; slot++) {
    const key = combine(state.seed, from.hash, to.hash, slot, epochOf(state, slot, state.mesh.perLink))
    if (!coverSlot(state, from, to, key, uses, isTight)) return
  }
}

/** Different agents at both ends as long as there are any: a bad agent must not take all pairs of a link with it. */
const coverSlot = (state: Mix, from: Place, to: Place, key: number, uses: Map<number, number>, isTight: boolean): boolean => {
  const used = (agent: number): number => uses.get(agent) ?? 0
  const tried = new Set<number>()
  for (;;) {
    const source = best(from.members, combine(key, 1), state.hashes, agent => {
      if (tried.has(agent) || !hasRoom(state, agent)) return undefined
      return used(agent) * 1e6 + (isTight ? state.targets[agent]!.length : 0)
    })
    if (source === undefined) return false
    const target = best(to.members, combine(key, 2), state.hashes, agent =>
      state.mayProbe(source, agent) && !state.targets[source]!.includes(agent)
        ? used(agent) * 1e6 + (isTight ? state.probers[agent]!.length : 0)
        : undefined,
    )
    if (target === undefined) tried.add(source)
    else {
      join(state, source, target)
      uses.set(source, used(source) + 1)
      uses.set(target, used(target) + 1)
      return true
    }
  }
}
