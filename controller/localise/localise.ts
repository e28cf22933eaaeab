/**
 * From verdicts of paths to where the faults are. Pure and deterministic. The lowest failing layer is asked first; a fault found there accounts for what
 * fails above it in silence on the same pairs. At each layer the places are chosen that explain best what is bad and what is good (see `score.ts`).
 */
import type { BadPair } from './bad-pairs.ts'
import { findBadPairs } from './bad-pairs.ts'
import { type Cover, coverOf } from './cover.ts'
import { withDirection } from './direction.ts'
import { onlyFrom } from './only-from.ts'
import { groupPaths, type Pairs } from './pairs.ts'
import type { Place } from './place.ts'
import { solveLayer } from './solve-layer.ts'
import type { Fault, Localised, PathVerdict } from './verdict.ts'
import { losesPackets, rankOf, solvingOrder, vouchMask } from './witness.ts'

type Located = { place: Place; rank: number; cover: Cover; bad: number[]; runnerUp?: Place }

/** Every layer in turn: what is explained is taken out of `open`. */
const findPlaces = (pairs: Pairs, bad: readonly BadPair[]): { found: Located[]; open: BadPair[] } => {
  const found: Located[] = []
  let open = [...bad]
  for (let rank = 0; rank < solvingOrder.length; rank++)
    for (const { place, explains, runnerUp } of solveLayer(pairs, rank, open, bad)) {
      const cover = coverOf(pairs, place)
      const own = new Set(explains)
      const all = open.filter(entry => own.has(entry) || (entry.rank > rank && entry.silent && cover(entry.pair) !== undefined))
      const gone = new Set(all)
      open = open.filter(entry => !gone.has(entry))
      found.push({ place, rank, cover, bad: all.flatMap(entry => entry.paths), ...(runnerUp && { runnerUp }) })
    }
  return { found, open }
}

const describe = (paths: readonly PathVerdict[], pairs: Pairs, { place, rank, cover, bad, runnerUp }: Located): Fault => {
  const good: PathVerdict[] = []
  let unknown = 0
  for (let index = 0; index < paths.length; index++) {
    const { verdict, kind } = paths[index]!
    if (verdict === 'bad' || cover(pairs.ofPath[index]!) !== 'through') continue
    if (verdict === 'unknown') unknown++
    else if (((vouchMask(kind) >> rank) & 1) === 1) good.push(paths[index]!)
  }
  const explained = bad.sort((a, b) => a - b).map(index => paths[index]!)
  const only = place.kind === 'target' ? onlyFrom(explained, good) : undefined
  return {
    place: losesPackets(rank)
      ? withDirection(
          place,
          explained.filter(path => rankOf(path) === rank),
        )
      : place,
    layer: solvingOrder[rank]!,
    explains: explained.map(({ path }) => path),
    against: good.map(({ path }) => path),
    unknown,
    ...(only !== undefined && { onlyFrom: only }),
    ...(runnerUp && { runnerUp }),
  }
}

/**
 * Where the faults are that explain the bad paths, the largest first of each layer, lowest layer first; and the bad paths that no place explains.
 * ICMP that stays silent beside working TCP is filtered: neither a fault nor unexplained.
 */
export const localise = (paths: readonly PathVerdict[]): Localised => {
  if (!paths.some(({ verdict }) => verdict === 'bad')) return { faults: [], unexplained: [] }
  const pairs = groupPaths(paths)
  const bad = findBadPairs(paths, pairs)
  const { found, open } = findPlaces(pairs, bad)
  const unexplained = open.flatMap(entry => entry.paths).sort((a, b) => a - b)
  return { faults: found.map(place => describe(paths, pairs, place)), unexplained: unexplained.map(index => paths[index]!.path) }
}
