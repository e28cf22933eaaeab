/** The smallest set of places that explains the bad pairs: greedy, then improved by leaving each out once and by beginning elsewhere. */
import type { Candidate } from './candidates.ts'
import { gainOf } from './score.ts'

export type Evidence = {
  candidates: readonly Candidate[]
  /** Per bad pair: the sets it is in, and how many further checks of it failed. */
  bad: readonly { atoms: readonly number[]; repeated: number }[]
  /** Per set: pairs that are good. */
  good: readonly number[]
  noise: number
}
export type Choice = { candidate: Candidate; explains: number[] }
type Chosen = { choices: Choice[]; total: number }

/** More faults than this at once, and at one layer, are not told apart any more: the rest stays unexplained. */
const mostFaults = 64
/** Improving tries each of the places found, and so many beginnings; past this it is left at what greedy found. */
const mostTries = 12

type Counts = { bad: Int32Array; repeated: Int32Array; members: readonly number[][]; viable: readonly Candidate[] }

const scoreWith =
  (evidence: Evidence, bad: Int32Array, repeated: Int32Array) =>
  (candidate: Candidate): number => {
    let [k, g, r] = [0, 0, 0]
    for (const atom of candidate.atoms) {
      k += bad[atom]!
      g += evidence.good[atom]!
      r += repeated[atom]!
    }
    return k === 0 ? Number.NEGATIVE_INFINITY : gainOf(k, g, r, evidence.noise)
  }

/** A place that does not pay while nothing is explained yet never will: what others explain only takes away from it. */
const countBad = (evidence: Evidence): Counts => {
  const { bad, good, candidates } = evidence
  const counts = { bad: new Int32Array(good.length), repeated: new Int32Array(good.length) }
  for (const { atoms, repeated } of bad)
    for (const atom of atoms) {
      counts.bad[atom]!++
      counts.repeated[atom]! += repeated
    }
  const gain = scoreWith(evidence, counts.bad, counts.repeated)
  const viable = candidates.filter(candidate => gain(candidate) > candidate.cost)
  const members: number[][] = []
  for (const { atoms } of viable) for (const atom of atoms) members[atom] ??= []
  for (const [index, { atoms }] of bad.entries()) for (const atom of atoms) members[atom]?.push(index)
  return { ...counts, members, viable }
}

/** The best score; among candidates with the very same gain, which are the same pairs, the narrowest. */
const bestOf = (
  candidates: readonly Candidate[],
  gain: (candidate: Candidate) => number,
): { candidate: Candidate; gain: number } | undefined => {
  let best: { candidate: Candidate; gain: number } | undefined
  for (const candidate of candidates) {
    const own = gain(candidate)
    if (own === Number.NEGATIVE_INFINITY) continue
    const same = best !== undefined && Math.abs(own - best.gain) < 1e-9
    const better =
      best === undefined || (same ? candidate.order < best.candidate.order : own - candidate.cost > best.gain - best.candidate.cost)
    if (better) best = { candidate, gain: own }
  }
  return best
}

/** Begins with the given places, which need not pay, and goes on with what gains most while naming it pays. */
const solve = (evidence: Evidence, counts: Counts, first: readonly Candidate[], isAllowed: (candidate: Candidate) => boolean): Chosen => {
  const [bad, repeated] = [counts.bad.slice(), counts.repeated.slice()]
  const explained = new Uint8Array(evidence.bad.length)
  const gain = scoreWith(evidence, bad, repeated)
  const chosen: Chosen = { choices: [], total: 0 }
  const take = (candidate: Candidate, gained: number): void => {
    const explains = candidate.atoms.flatMap(atom => counts.members[atom]!.filter(index => explained[index] === 0))
    for (const index of explains) {
      explained[index] = 1
      for (const atom of evidence.bad[index]!.atoms) {
        bad[atom]!--
        repeated[atom]! -= evidence.bad[index]!.repeated
      }
    }
    chosen.choices.push({ candidate, explains })
    chosen.total += gained - candidate.cost
  }
  for (const candidate of first) {
    const gained = gain(candidate)
    if (gained > candidate.cost) take(candidate, gained)
  }
  const allowed = counts.viable.filter(isAllowed)
  while (chosen.choices.length < mostFaults) {
    const best = bestOf(allowed, gain)
    if (best === undefined || best.gain <= best.candidate.cost) break
    take(best.candidate, best.gain)
  }
  return chosen
}

/** What is better by less than this is the same, and the first found stays. */
const margin = 1e-6
/** How many places in a row are doubted before a beginning is given up: a region hides its two directions and the cloud around it. */
const mostDoubts = 4

/** What hides others is wide: two families between two clouds each are most of a family. */
const widestOf = (candidates: readonly Candidate[]): Candidate | undefined =>
  candidates.reduce<Candidate | undefined>((widest, one) => (widest === undefined || one.order > widest.order ? one : widest), undefined)

/** Doubts a place: solves again without it, then without what comes in its stead, while that does not get better. */
const doubt = (evidence: Evidence, counts: Counts, best: Chosen, doubted: Candidate): Chosen => {
  const others = best.choices.map(({ candidate }) => candidate).filter(candidate => candidate !== doubted)
  let found = best
  for (const first of [others, []]) {
    const banned = new Set([doubted])
    for (let depth = 0; depth < mostDoubts; depth++) {
      const tried = solve(evidence, counts, first, candidate => !banned.has(candidate))
      if (tried.total > found.total + margin) found = tried
      const instead = widestOf(tried.choices.map(({ candidate }) => candidate).filter(candidate => !first.includes(candidate)))
      if (instead === undefined) break
      banned.add(instead)
    }
  }
  return found
}

const improve = (evidence: Evidence, counts: Counts, chosen: Chosen): Chosen => {
  for (let best = chosen; ; ) {
    const before = best
    for (const { candidate } of before.choices.slice(0, mostTries)) {
      const tried = doubt(evidence, counts, before, candidate)
      if (tried.total > best.total + margin) best = tried
    }
    if (best === before) return best
  }
}

/** Deterministic, whatever the order of the paths, since candidates are in an order of their own and a later one must be better to be chosen. */
export const choosePlaces = (evidence: Evidence): Choice[] => {
  const counts = countBad(evidence)
  return improve(
    evidence,
    counts,
    solve(evidence, counts, [], () => true),
  ).choices
}
