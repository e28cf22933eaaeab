/**
 * The sets of pairs that places are made of. Each is one way through one place: what leaves a region, what enters it, from one region to another.
 * A place is one such set, or several that share no pair, so that counting in a place is adding up.
 */
import { levels, type Pairs } from './pairs.ts'
import { startTable, type Table } from './table.ts'

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

const lastFamily = 6

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
  if (pairs.backHub[pair]! >= 0) visit('hub', 1, pairs.backHub[pair]!, 0)
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

/** Per kind of set: how many names its first and its second number range over. */
const rangesOf = (pairs: Pairs, kind: AtomKind, level: number): [number, number] => {
  const places = (at: number): number => pairs.places[at]!.list.length
  switch (kind) {
    case 'out':
    case 'in':
    case 'inner':
      return [level < levels ? places(level) : 0, 1]
    case 'link':
    case 'familyLink':
      return [places(regionLevel), places(regionLevel)]
    case 'clouds':
    case 'familyClouds':
      return [places(cloudLevel), places(cloudLevel)]
    case 'family':
      return [lastFamily + 1, 1]
    case 'target':
      return [pairs.targets.list.length, 1]
    case 'hub':
      return [pairs.hubs.list.length, 1]
    case 'trustDomain':
      return [pairs.trustDomains.list.length, 1]
    case 'issuer':
      return [pairs.issuers.list.length, 1]
  }
}

/** What is met is named with its counterpart: that the other way is good is what tells one way from both. */
const nameCounterpart = (numberOf: Visit, kind: AtomKind, level: number, a: number, b: number): void => {
  if (kind === 'out') numberOf('in', level, a, b)
  else if (kind === 'in') numberOf('out', level, a, b)
  else if (kind === 'trustDomain' || kind === 'hub') numberOf(kind, 1 - level, a, b)
  else if (b !== a && firstTable[kind] >= firstTable.link && kind !== 'family') numberOf(kind, level, b, a)
}

export const startAtoms = (pairs: Pairs): Atoms => {
  const tables: (Table | undefined)[] = Array.from({ length: tableCount })
  const widths = new Int32Array(tableCount)
  const names: Atom[] = []
  const good: number[] = []
  const tableOf = (kind: AtomKind, level: number): Table => {
    const [first, second] = rangesOf(pairs, kind, level)
    widths[firstTable[kind] + level] = second
    return (tables[firstTable[kind] + level] = startTable(first * second))
  }
  const numberOf = (kind: AtomKind, level: number, a: number, b: number): number => {
    const slot = firstTable[kind] + level
    const table = tables[slot] ?? tableOf(kind, level)
    const key = a * widths[slot]! + b
    const known = table.get(key)
    if (known !== -1) return known
    good.push(0)
    const atom = names.push({ kind, level, a, b }) - 1
    table.set(key, atom)
    return atom
  }
  let met: number[] = []
  const name: Visit = (kind, level, a, b) => {
    met.push(numberOf(kind, level, a, b))
    nameCounterpart(numberOf, kind, level, a, b)
  }
  // What is inside of a place counts for it when bad and never against it: whether a region can be left says nothing of the region's inside.
  const find = (kind: AtomKind, level: number, a: number, b: number): number => {
    const slot = firstTable[kind] + level
    return tables[slot]?.get(a * widths[slot]! + b) ?? -1
  }
  const count: Visit = (kind, level, a, b) => {
    if (kind === 'inner' || ((kind === 'trustDomain' || kind === 'hub') && level === 1)) return
    const atom = find(kind, level, a, b)
    if (atom !== -1) good[atom]!++
  }
  return {
    of: pair => {
      met = []
      visitAll(pairs, pair, name)
      return met
    },
    countGood: pair => visitAll(pairs, pair, count),
    find,
    names,
    good,
  }
}
