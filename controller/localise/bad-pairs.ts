/** The bad paths, by pair and by the layer that decides for them. */
import type { Pairs } from './pairs.ts'
import type { PathVerdict } from './verdict.ts'
import { isFiltered, isSilence, rankOf, tcpRank } from './witness.ts'

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

/** `filtered`: ICMP that stays silent beside TCP that works. */
export const findBadPairs = (paths: readonly PathVerdict[], pairs: Pairs): { bad: BadPair[]; filtered: number[] } => {
  const badOf = new Map<number, number[]>()
  const filtered: number[] = []
  for (let index = 0; index < paths.length; index++) {
    const path = paths[index]!
    if (path.verdict !== 'bad') continue
    const pair = pairs.ofPath[index]!
    if (isFiltered(path) && (pairs.vouched[pair]! & bit(tcpRank)) !== 0) {
      filtered.push(index)
      continue
    }
    const group = badOf.get(pair)
    if (group) group.push(index)
    else badOf.set(pair, [index])
  }
  return { bad: [...badOf].flatMap(([pair, indexes]) => splitByLayer(pair, indexes, paths)), filtered }
}
