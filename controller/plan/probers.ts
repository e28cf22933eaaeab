/** Probers for every agent: `inDegree` of them, the first from its own place, the others from as many other places. */
import { combine, score } from './hash.ts'
import { best, bestAllowed, epochOf, hasRoom, join, type Mix } from './mix.ts'

export const giveProbers = (state: Mix, isTight: boolean): void => {
  const { mesh, agents, probers } = state
  const given: number[][] = agents.map(() => [])
  /** Those that no link needs. */
  const movable: number[][] = agents.map(() => [])
  for (const target of agents.keys())
    for (let slot = 0; slot < mesh.inDegree; slot++) {
      if (isTight && probers[target]!.length >= mesh.inDegree) break
      const prober = findProber(state, target, slot, given[target]!, isTight)
      if (prober === undefined) break
      given[target]!.push(prober)
      if (!probers[target]!.includes(prober)) movable[target]!.push(prober)
      join(state, prober, target)
    }
  for (const target of agents.keys()) while (probers[target]!.length < mesh.inDegree && swapIn(state, target, movable));
}

const findProber = (state: Mix, target: number, slot: number, given: readonly number[], isTight: boolean): number | undefined => {
  const { seed, hashes, placeOf, places, targets } = state
  const key = combine(seed, hashes[target]!, slot, slot === 0 ? 0 : epochOf(state, slot, state.mesh.inDegree))
  const own = placeOf[target]!
  // A pair that a link has given already costs nothing; without limits it counts as this slot's.
  const isAllowed = (agent: number): boolean =>
    !given.includes(agent) && state.mayProbe(agent, target) && (targets[agent]!.includes(target) ? !isTight : hasRoom(state, agent))
  const within = (place: number): number | undefined => {
    const { members } = places[place]!
    return isTight
      ? best(members, key, hashes, agent => (isAllowed(agent) ? targets[agent]!.length : undefined))
      : bestAllowed(members, key, hashes, isAllowed)
  }
  const first = slot === 0 ? within(own) : undefined
  if (first !== undefined) return first
  const avoided = new Set([own, ...given.map(agent => placeOf[agent]!)])
  const tried = new Set<number>()
  for (const isStrict of [true, false])
    for (;;) {
      const place = bestPlace(state, key, place => !tried.has(place) && !(isStrict && avoided.has(place)))
      if (place === undefined) break
      tried.add(place)
      const found = within(place)
      if (found !== undefined) return found
    }
  return undefined
}

const bestPlace = ({ placeHashes }: Mix, key: number, isAllowed: (place: number) => boolean): number | undefined => {
  let found: number | undefined
  let most = -1
  for (let place = 0; place < placeHashes.length; place++) {
    const points = score(key, placeHashes[place]!)
    if (points > most && isAllowed(place)) [found, most] = [place, points]
  }
  return found
}

/**
 * Where everyone with room left is the agent itself or probes it already: someone with room takes over another agent's pair, whose prober then has
 * room for this one. Pairs of links stay.
 */
const swapIn = (state: Mix, target: number, movable: number[][]): boolean => {
  const { agents, targets, probers, mayProbe } = state
  for (const spare of agents.keys()) {
    if (!hasRoom(state, spare)) continue
    for (const other of agents.keys()) {
      if (other === target || targets[spare]!.includes(other) || !mayProbe(spare, other)) continue
      const prober = movable[other]!.find(one => one !== target && mayProbe(one, target) && !targets[one]!.includes(target))
      if (prober === undefined) continue
      targets[prober]!.splice(targets[prober]!.indexOf(other), 1, target)
      probers[other]!.splice(probers[other]!.indexOf(prober), 1)
      movable[other]!.splice(movable[other]!.indexOf(prober), 1, spare)
      probers[target]!.push(prober)
      movable[target]!.push(prober)
      join(state, spare, other)
      return true
    }
  }
  return false
}
