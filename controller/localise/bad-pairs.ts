/** The bad paths, by pair and by the layer that decides for them. */
import type { Pairs } from './pairs.ts'
import type { PathVerdict } from './verdict.ts'
import { isFiltered, isSilence, rankOf, reachRank, tcpRank } from './witness.ts'

/** A pair that is bad at one layer, with the numbers of the paths that say so; `own` of them fail at that very layer. */
export type BadPair = { pair: number; rank: number; paths: number[]; own: number; silent: boolean }

const bit = (rank: number): number => 1 << rank

/** The lowest layer of a pair takes along what fails above it in silence; what fails above with an answer stands for itself. */
const splitByLayer = (pair: number, bad: readonly number[], paths: readonly PathVerdict[]): BadPair[] => {
  const byRank = [...bad].sort((a, b) => rankOf(paths[a]!) - rankOf(paths[b]!) || a - b)
  const found: BadPair[] = []
  for (const index of byRank) {
    const path = paths[index]!
    const rank = rankOf(path)
    const silent = isSilence(path)
    const home = found.find(other => other.rank === rank || silent)
    if (home) {
      home.paths.push(index)
      if (home.rank !== rank) continue
      home.own++
      home.silent &&= silent
    } else found.push({ pair, rank, paths: [index], own: 1, silent })
  }
  return found
}

/** Silence at one check of a pair of which another gets through. */
const isHalfSilent = (path: PathVerdict, vouched: number): boolean =>
  isFiltered(path) ? (vouched & bit(tcpRank)) !== 0 : path.reason === 'tcp_timeout' && (vouched & bit(reachRank)) !== 0

/**
 * Who answers one check of a pair and not another, and answers both to others, filters nothing: one of several lanes to it may be dead, and the check that works
 * took another. Such a pair is no witness that packets get through.
 */
const withdrawVouches = (half: readonly number[], paths: readonly PathVerdict[], pairs: Pairs): void => {
  if (half.length === 0) return
  const answers = new Map<string, Uint8Array>()
  for (const kind of new Set(half.map(index => paths[index]!.kind))) answers.set(kind, new Uint8Array(pairs.targets.list.length))
  for (const [index, { kind, verdict }] of paths.entries())
    if (verdict === 'good') answers.get(kind)?.fill(1, pairs.target[pairs.ofPath[index]!]!, pairs.target[pairs.ofPath[index]!]! + 1)
  for (const index of half) {
    const pair = pairs.ofPath[index]!
    if (answers.get(paths[index]!.kind)![pairs.target[pair]!] === 1) pairs.vouched[pair]! &= ~bit(reachRank)
  }
}

/** ICMP that stays silent beside TCP that works is not bad: many balancers and gateways filter it. */
export const findBadPairs = (paths: readonly PathVerdict[], pairs: Pairs): BadPair[] => {
  const badOf = new Map<number, number[]>()
  const half: number[] = []
  for (let index = 0; index < paths.length; index++) {
    const path = paths[index]!
    if (path.verdict !== 'bad') continue
    const pair = pairs.ofPath[index]!
    const isHalf = isHalfSilent(path, pairs.vouched[pair]!)
    if (isHalf) half.push(index)
    if (isHalf && isFiltered(path)) continue
    const group = badOf.get(pair)
    if (group) group.push(index)
    else badOf.set(pair, [index])
  }
  withdrawVouches(half, paths, pairs)
  return [...badOf].flatMap(([pair, indexes]) => splitByLayer(pair, indexes, paths))
}
