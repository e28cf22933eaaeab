/**
 * The sets of pairs that places are made of. Each is one way through one place: what leaves a region, what enters it, from one region to another.
 * A place is one such set, or several that share no pair, so that counting in a place is adding up.
 */
import { levels, type Pairs } from './pairs.ts'

/** Numbers for the sets that matter: those of bad pairs. What only good pairs run through is never named. */
export type Atoms = {
  /** The sets that a bad pair is in, named when first met. */
  of: (pair: number) => number[]
  /** Adds one to the good count of each named set that the pair is in. */
  countGood: (pair: number) => void
  /** The number of a set, or −1. */
  find: (kind: AtomKind, level: number, a: number, b: number) => number
  names: readonly Atom[]
  good: readonly number[]
}
export type AtomKind =
  | 'out'
  | 'in'
  | 'inner'
  | 'target'
  | 'hub'
  | 'trustDomain'
  | 'issuer'
  | 'link'
  | 'clouds'
  | 'family'
  | 'familyLink'
  | 'familyClouds'
/** `level` is which kind of located place; `a` and `b` are numbers of names, or a family and a pair of places. */
export type Atom = { kind: AtomKind; level: number; a: number; b: number }

export const regionLevel = 3
export const cloudLevel = 4

/** Names are fewer than this, so that two of them are one exact number together. */
const span = 2 ** 22

/** The first table of each kind; a kind has one per level, or per family. */
const firstTable: Readonly<Record<AtomKind, number>> = {
  out: 0,
  in: 8,
  inner: 16,
  target: 24,
  hub: 32,
  trustDomain: 40,
  issuer: 48,
  link: 56,
  clouds: 64,
  family: 72,
  familyLink: 80,
  familyClouds: 88,
}
const tableCount = 96

type Visit = (kind: AtomKind, level: number, a: number, b: number) => void

/** Says where the pair leaves, enters, and what it runs between. Places around both ends are not crossed by it. */
const visitEnds = (pairs: Pairs, pair: number, visit: Visit): void => {
  const from = pairs.agent[pair]! * levels
  const to = pairs.target[pair]! * levels
  for (let level = 0; level < levels; level++) {
    const a = pairs.agentHome[from + level]!
    const b = pairs.targetHome[to + level]!
    if (a === b) {
      if (a >= 0) visit('inner', level, a, 0)
      continue
    }
    if (a >= 0) visit('out', level, a, 0)
    if (b >= 0) visit('in', level, b, 0)
  }
}

const visitBetween = (pairs: Pairs, pair: number, visit: Visit): void => {
  const from = pairs.agent[pair]! * levels
  const to = pairs.target[pair]! * levels
  const family = pairs.family[pair]!
  if (family !== 0) visit('family', 0, family, 0)
  const regionFrom = pairs.agentHome[from + regionLevel]!
  const regionTo = pairs.targetHome[to + regionLevel]!
  if (regionFrom >= 0 && regionTo >= 0) {
    visit('link', 0, regionFrom, regionTo)
    if (family !== 0) visit('familyLink', family, regionFrom, regionTo)
  }
  const cloudFrom = pairs.agentHome[from + cloudLevel]!
  const cloudTo = pairs.targetHome[to + cloudLevel]!
  if (cloudFrom < 0 || cloudTo < 0) return
  visit('clouds', 0, cloudFrom, cloudTo)
  if (family !== 0) visit('familyClouds', family, cloudFrom, cloudTo)
}

const visitNamed = (pairs: Pairs, pair: number, visit: Visit): void => {
  const target = pairs.target[pair]!
  // An agent that is probed is named as an agent: its responder is part of it.
  if (pairs.targetHome[target * levels]! < 0) visit('target', 0, target, 0)
  if (pairs.hub[pair]! >= 0) visit('hub', 0, pairs.hub[pair]!, 0)
  const trustDomain = pairs.trustDomain[pair]!
  // Those within a trust domain share its authorities, so that they are no witness for whether others hold them.
  if (trustDomain >= 0) visit('trustDomain', trustDomain === pairs.ownTrustDomain[pairs.agent[pair]!] ? 1 : 0, trustDomain, 0)
  if (pairs.issuer[pair]! >= 0) visit('issuer', 0, pairs.issuer[pair]!, 0)
}

const visitAll = (pairs: Pairs, pair: number, visit: Visit): void => {
  visitEnds(pairs, pair, visit)
  visitBetween(pairs, pair, visit)
  visitNamed(pairs, pair, visit)
}

export const startAtoms = (pairs: Pairs): Atoms => {
  const tables: Map<number, number>[] = Array.from({ length: tableCount }, () => new Map())
  const names: Atom[] = []
  const good: number[] = []
  const numberOf: (...atom: Parameters<Visit>) => number = (kind, level, a, b) => {
    const table = tables[firstTable[kind] + level]!
    const key = a * span + b
    let atom = table.get(key)
    if (atom === undefined) {
      atom = names.push({ kind, level, a, b }) - 1
      good.push(0)
      table.set(key, atom)
    }
    return atom
  }
  let met: number[] = []
  // The other way is named too: that it is good is what tells one way from both.
  const name: Visit = (kind, level, a, b) => {
    met.push(numberOf(kind, level, a, b))
    if (kind === 'out') numberOf('in', level, a, b)
    else if (kind === 'in') numberOf('out', level, a, b)
    else if (kind === 'trustDomain') numberOf(kind, 1 - level, a, b)
    else if (b !== a && firstTable[kind] >= firstTable.link && kind !== 'family') numberOf(kind, level, b, a)
  }
  // What is inside of a place counts for it when bad and never against it: whether a region can be left says nothing of the region's inside.
  const count: Visit = (kind, level, a, b) => {
    if (kind === 'inner' || (kind === 'trustDomain' && level === 1)) return
    const atom = tables[firstTable[kind] + level]!.get(a * span + b)
    if (atom !== undefined) good[atom]!++
  }
  return {
    of: pair => {
      met = []
      visitAll(pairs, pair, name)
      return met
    },
    countGood: pair => visitAll(pairs, pair, count),
    find: (kind, level, a, b) => tables[firstTable[kind] + level]!.get(a * span + b) ?? -1,
    names,
    good,
  }
}
