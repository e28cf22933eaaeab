/** The places that explain what fails at one layer. */
import { startAtoms } from './atoms.ts'
import type { BadPair } from './bad-pairs.ts'
import { buildCandidates, type Candidate } from './candidates.ts'
import { choosePlaces, type Evidence } from './choose.ts'
import type { Pairs } from './pairs.ts'
import { incidentKey, type Place } from './place.ts'
import { gainOf } from './score.ts'
import { reachRank } from './witness.ts'

export type Found = { place: Place; explains: BadPair[]; runnerUp?: Place }

/** What is known of noise before anything is counted: two bad pairs by chance in two hundred. */
const priorBad = 2
const priorPairs = 200

/** Chance brings no more than this; what is bad beyond it has a reason, known or not. */
const mostNoise = 0.1

/** Another explanation is worth a word from this share of what the chosen one explains. */
const nearlyAsMuch = 0.5

const subjectOf = (place: Place): string =>
  'direction' in place ? `${place.kind} ${place.name}` : incidentKey('from' in place ? { ...place, both: true } : place, '')

/** The place beside the chosen one that explains the same bad pairs best, if it does so nearly as well. */
const findRunnerUp = (evidence: Evidence, chosen: Candidate, explains: readonly number[]): Place | undefined => {
  const bad = new Map<number, number>()
  for (const index of explains) for (const atom of evidence.bad[index]!.atoms) bad.set(atom, (bad.get(atom) ?? 0) + 1)
  const gain = ({ atoms }: Candidate): number => {
    const own = atoms.reduce((sum, atom) => sum + (bad.get(atom) ?? 0), 0)
    return own === 0
      ? 0
      : gainOf(
          own,
          atoms.reduce((sum, atom) => sum + evidence.good[atom]!, 0),
          0,
          evidence.noise,
        )
  }
  let best: Candidate | undefined
  let most = nearlyAsMuch * gain(chosen)
  for (const candidate of evidence.candidates) {
    const own = gain(candidate)
    if (own <= most || subjectOf(candidate.place) === subjectOf(chosen.place)) continue
    best = candidate
    most = own
  }
  return best?.place
}

/** Pairs that are good at this layer: vouched for, and not bad at it or below. */
const countGoodPairs = (pairs: Pairs, rank: number, isBad: Uint8Array, count: (pair: number) => void): number => {
  let good = 0
  for (let pair = 0; pair < pairs.count; pair++) {
    if (((pairs.vouched[pair]! >> rank) & 1) === 0 || isBad[pair] === 1) continue
    good++
    count(pair)
  }
  return good
}

/** What loses some of its packets, and gets through all the same, is a witness for the layers above as good as any. Two of its checks say so: one may be chance. */
const getsThrough = ({ good }: Pairs, { pair, rank }: BadPair): boolean => rank === reachRank && good[pair]! >= 2

/** A pair whose family is not known, of a name that is only looked up, is of neither. */
const isMixed = ({ count, family }: Pairs): boolean => {
  let known = 0
  for (let pair = 0; pair < count; pair++) {
    if (family[pair] === 0 || family[pair] === known) continue
    if (known !== 0) return true
    known = family[pair]!
  }
  return false
}

/** `open` is what no fault below this layer explains, of `all` that is bad. */
export const solveLayer = (pairs: Pairs, rank: number, open: readonly BadPair[], all: readonly BadPair[]): Found[] => {
  const bad = open.filter(entry => entry.rank === rank)
  if (bad.length === 0) return []
  const isBad = new Uint8Array(pairs.count)
  for (const entry of all) if (entry.rank === rank || (entry.rank < rank && !getsThrough(pairs, entry))) isBad[entry.pair] = 1
  const atoms = startAtoms(pairs)
  const seen = bad.map(({ pair, own }) => ({ atoms: atoms.of(pair), repeated: own > 1 ? 1 : 0 }))
  const good = countGoodPairs(pairs, rank, isBad, atoms.countGood)
  const candidates = buildCandidates({ atoms, pairs, rank }, isMixed(pairs))
  const evidence: Evidence = { candidates, bad: seen, good: atoms.good, noise: priorBad / priorPairs }
  let choices = choosePlaces(evidence)
  const left = bad.length - choices.reduce((sum, { explains }) => sum + explains.length, 0)
  const noise = Math.min(mostNoise, (priorBad + left) / (priorPairs + good + bad.length))
  if (noise > evidence.noise) choices = choosePlaces({ ...evidence, noise })
  return choices.map(({ candidate, explains }) => {
    const runnerUp = findRunnerUp(evidence, candidate, explains)
    return { place: candidate.place, explains: explains.map(index => bad[index]!), ...(runnerUp && { runnerUp }) }
  })
}
