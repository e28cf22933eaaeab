import type { Mesh } from '../../wire/fleet.ts'
import { score } from './hash.ts'
import type { LiveAgent } from './live-agent.ts'
import type { Place } from './places.ts'

/** Working state of one mesh: plain arrays by the agent's index. */
export type Mix = {
  readonly mesh: Mesh
  readonly agents: readonly LiveAgent[]
  readonly hashes: Uint32Array
  readonly places: readonly Place[]
  readonly placeOf: Int32Array
  readonly placeHashes: Uint32Array
  readonly sizes: Uint32Array
  readonly seed: number
  /** Periods of `rotate` since the epoch; undefined: nothing moves on. */
  readonly period: number | undefined
  readonly targets: number[][]
  readonly probers: number[][]
  /** Both ends may be paired: different agents, a hub among them where there is one, and an address that can be reached. */
  readonly mayProbe: (from: number, to: number) => boolean
  /** Policy hub: which agents are. */
  readonly isHub: readonly boolean[] | undefined
}
export const hasRoom = ({ mesh, targets }: Mix, agent: number): boolean => targets[agent]!.length < mesh.maxTargets

export const join = ({ targets, probers }: Mix, from: number, to: number): void => {
  if (targets[from]!.includes(to)) return
  targets[from]!.push(to)
  probers[to]!.push(from)
}

/** One of `slots` moves on each period, in turn: the others go on, so that a link is never without history. */
export const epochOf = ({ period }: Mix, slot: number, slots: number): number =>
  period === undefined ? 0 : Math.floor((period + slot) / slots) >>> 0

/** The candidate of the lowest burden, among equals the one of the highest score. `burden` undefined: not a candidate. */
export const best = (
  candidates: readonly number[],
  key: number,
  hashes: Uint32Array,
  burden: (candidate: number) => number | undefined,
): number | undefined => {
  let found: number | undefined
  let least = Number.POSITIVE_INFINITY
  let most = -1
  for (const candidate of candidates) {
    const its = burden(candidate)
    if (its === undefined || its > least) continue
    const points = score(key, hashes[candidate]!)
    if (its < least || points > most) [found, least, most] = [candidate, its, points]
  }
  return found
}

/** As `best`, where no candidate is a heavier burden than another: the few that lead are asked whether they may. */
export const bestAllowed = (
  candidates: readonly number[],
  key: number,
  hashes: Uint32Array,
  isAllowed: (candidate: number) => boolean,
): number | undefined => {
  let found: number | undefined
  let most = -1
  for (const candidate of candidates) {
    const points = score(key, hashes[candidate]!)
    if (points > most && isAllowed(candidate)) [found, most] = [candidate, points]
  }
  return found
}
