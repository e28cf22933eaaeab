/** Pairs for every link: an ordered pair of places. */
import { combine, score } from './hash.ts'
import { best, epochOf, hasRoom, join, type Mix } from './mix.ts'
import type { Place } from './places.ts'

/** Whether limits bind somewhere: then in-degrees count what the links have given already. */
export const coverLinks = (state: Mix): boolean => {
  const { mesh, places } = state
  const { perLink, maxTargets, inDegree } = mesh
  let isTight = false
  for (const from of places) {
    const others = places.filter(place => place !== from)
    const wanted = others.reduce((sum, to) => sum + Math.min(perLink, from.members.length * to.members.length), 0)
    if (wanted > from.members.length * Math.max(0, maxTargets - inDegree)) isTight = true
  }
  for (const from of places) for (const to of reachable(state, from)) coverLink(state, from, to, isTight)
  return isTight
}

/** The places that `from` has room to probe: all of them, or the highest ranked, so that what is left out is not always the end of the alphabet; then
 * what every agent's probers need is kept back. */
const reachable = ({ mesh, places }: Mix, from: Place): Place[] => {
  const others = places.filter(place => place !== from)
  const each = (to: Place): number => Math.min(mesh.perLink, from.members.length * to.members.length)
  const room = from.members.length * mesh.maxTargets
  if (others.reduce((sum, to) => sum + each(to), 0) <= room) return others
  const reserved = room - from.members.length * mesh.inDegree
  const ranked = others.map(to => [score(from.hash, to.hash), to] as const).sort(([a], [b]) => b - a)
  let sum = 0
  return ranked.flatMap(([, to]) => ((sum += each(to)) <= reserved ? [to] : []))
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
