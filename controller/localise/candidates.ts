/** The places that could be what is broken: each the sets of pairs it is made of, what naming it costs, and how narrow it is. */
import { type Atom, type Atoms, cloudLevel, regionLevel } from './atoms.ts'
import type { Pairs } from './pairs.ts'
import { type Direction, incidentKey, locatedKinds, type Place } from './place.ts'
import { costOf } from './score.ts'
import { losesPackets, solvingOrder } from './witness.ts'

export type Candidate = { place: Place; atoms: number[]; cost: number; order: number }

/** From the narrowest to the widest: among places that explain the same, the first is named. */
const narrowness = {
  agent: 0,
  node: 1,
  target: 2,
  trustDomain: 3,
  issuer: 4,
  zone: 5,
  link: 6,
  region: 7,
  hub: 8,
  clouds: 9,
  cloud: 10,
  familyLink: 11,
  familyClouds: 12,
  family: 13,
} as const

/** One way costs a choice more than both where packets are lost, since both directions of a probe then fail. Above, who asks whom is the direction. */
const directionCost = (rank: number, direction: Direction): number => ((direction === 'both') === losesPackets(rank) ? 0 : 1)
/** Below half of the step between two kinds: the direction decides only between places of one name. */
const directionOrder = (rank: number, direction: Direction): number => directionCost(rank, direction) * 0.1

type Making = { atoms: Atoms; pairs: Pairs; rank: number; cost: number }

const located = ({ atoms, pairs, rank, cost }: Making, { level, a }: Atom): Candidate[] => {
  const names = pairs.places[level]!.list
  const kind = locatedKinds[level]!
  const ways: Record<Direction, number[]> = {
    out: [atoms.find('out', level, a, 0)],
    in: [atoms.find('in', level, a, 0)],
    both: [atoms.find('out', level, a, 0), atoms.find('in', level, a, 0), atoms.find('inner', level, a, 0)].filter(atom => atom >= 0),
  }
  return (['both', 'out', 'in'] as const).map(direction => ({
    place: { kind, name: names[a]!, direction },
    atoms: ways[direction],
    cost: cost + directionCost(rank, direction),
    order: narrowness[kind] + directionOrder(rank, direction),
  }))
}

/** What runs from one place to another: this way, and, for the first of the two ways, both. */
const between = ({ atoms, pairs, rank, cost }: Making, atom: Atom): Candidate[] => {
  const { kind, level, a, b } = atom
  const names = pairs.places[kind === 'link' || kind === 'familyLink' ? regionLevel : cloudLevel]!.list
  const [from, to] = [names[a]!, names[b]!]
  const place = (ends: { from: string; to: string; both?: true }): Place =>
    kind === 'link' || kind === 'clouds' ? { kind, ...ends } : { kind: 'family', family: level as 4 | 6, ...ends }
  const order = narrowness[kind as 'link' | 'clouds' | 'familyLink' | 'familyClouds']
  const way = {
    atoms: [atoms.find(kind, level, a, b)],
    cost: cost + directionCost(rank, 'out'),
    order: order + directionOrder(rank, 'out'),
  }
  const found: Candidate[] = [{ ...way, place: place({ from, to }) }]
  if (from < to)
    found.push({
      place: place({ from, to, both: true }),
      atoms: [atoms.find(kind, level, a, b), atoms.find(kind, level, b, a)],
      cost: cost + directionCost(rank, 'both'),
      order: order + directionOrder(rank, 'both'),
    })
  return found
}

const named = ({ atoms, pairs, cost }: Making, { kind, level, a, b }: Atom): Candidate[] => {
  if (kind !== 'target' && kind !== 'hub' && kind !== 'trustDomain' && kind !== 'issuer') return []
  const { list } = { target: pairs.targets, hub: pairs.hubs, trustDomain: pairs.trustDomains, issuer: pairs.issuers }[kind]
  // A trust domain's own pairs are a set beside those of the others; so are those of a hub that only answers may cross.
  if (level === 1) return []
  const sets = (kind === 'trustDomain' || kind === 'hub' ? [0, 1] : [0]).map(each => atoms.find(kind, each, a, b))
  return [{ place: { kind, name: list[a]! }, atoms: sets, cost, order: narrowness[kind] }]
}

/** Who vouches for whom is no place where packets get lost. */
const isOfTrust = (kind: Atom['kind']): boolean => kind === 'trustDomain' || kind === 'issuer'
/** And packets that have arrived say the same by whatever family they came. */
const isOfFamily = (kind: Atom['kind']): boolean => kind === 'family' || kind === 'familyLink' || kind === 'familyClouds'

/** How many places there are to name. */
const countPlaces = ({ places, targets, hubs, trustDomains, issuers }: Pairs): number => {
  const sizes = places.map(({ list }) => list.length)
  const named = [targets, hubs, trustDomains, issuers].reduce((sum, { list }) => sum + list.length, 0)
  return sizes.reduce((sum, size) => sum + size, named) + sizes[regionLevel]! ** 2 + sizes[cloudLevel]! ** 2
}

const made =
  (making: Making, mixed: boolean) =>
  (atom: Atom): Candidate[] => {
    const { kind, level, a } = atom
    if (isOfTrust(kind) && making.rank < solvingOrder.indexOf('certificate')) return []
    if (isOfFamily(kind) && (!mixed || making.rank >= solvingOrder.indexOf('certificate'))) return []
    if (kind === 'out') return located(making, atom)
    if (kind === 'link' || kind === 'clouds' || kind === 'familyLink' || kind === 'familyClouds') return between(making, atom)
    if (kind !== 'family') return named(making, atom)
    const set = making.atoms.find(kind, level, a, 0)
    return [{ place: { kind, family: a as 4 | 6 }, atoms: [set], cost: making.cost, order: narrowness.family }]
  }

/**
 * The narrowest first, and by name: in an order that the order of the paths does not change. `mixed`: pairs of both address families are measured;
 * where there is one only, it tells nothing apart.
 */
export const buildCandidates = (asked: Omit<Making, 'cost'>, mixed: boolean): Candidate[] =>
  asked.atoms.names
    .flatMap(made({ ...asked, cost: costOf(countPlaces(asked.pairs)) }, mixed))
    .map(candidate => ({ candidate, key: incidentKey(candidate.place, '') }))
    .sort((x, y) => x.candidate.order - y.candidate.order || (x.key < y.key ? -1 : 1))
    .map(({ candidate }) => candidate)
