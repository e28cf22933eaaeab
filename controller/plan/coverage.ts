/** Links of a mesh that have fewer pairs than they should, and why. */
import type { Scope } from '../../wire/fleet.ts'
import { localisablePairs } from '../fleet/mesh-rules.ts'
import type { Pairs } from './pairs.ts'
import type { Reach } from './reach.ts'

/** `agents`: there are too few to make so many pairs. `limit`: those that there are have all the targets they may have. `address`: none that the other side can reach. */
export type Uncovered = { mesh: string; from: string; to: string; pairs: number; wanted: number; why: 'agents' | 'limit' | 'address' }
/** A link for which no agent of `to` advertises an address that `from` can reach. */
export type WithoutAddress = { mesh: string; from: string; to: string; reach: Scope[]; advertised: Scope[] }
export type Coverage = { links: number; covered: number; uncovered: Uncovered[]; withoutAddress: WithoutAddress[] }

/** So many are named; the counts are of all. */
const maxNamed = 1000

/** `covered`: has as many pairs as `perLink` says, or as its agents can make. */
export const coverageOf = (pairs: Pairs, reach: Reach): Coverage => {
  const { mesh, places, placeOf, targets } = pairs
  const counts = new Map<number, number>()
  for (const [from, others] of targets.entries())
    for (const to of others) {
      const key = placeOf[from]! * places.length + placeOf[to]!
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
  const isLink = linkTest(pairs)
  const coverage: Coverage = { links: isLink.count, covered: 0, uncovered: [], withoutAddress: [] }
  for (const [key, made] of counts) {
    const [from, to] = [Math.floor(key / places.length), key % places.length]
    if (from !== to && isLink.test(from, to) && made >= Math.min(mesh.perLink, possiblePairs(pairs, from, to))) coverage.covered++
  }
  for (let i = 0; i < places.length && coverage.uncovered.length < maxNamed; i++)
    for (let j = 0; j < places.length && coverage.uncovered.length < maxNamed; j++)
      if (i !== j && isLink.test(i, j)) nameLink(pairs, reach, i, j, counts.get(i * places.length + j) ?? 0, coverage)
  return coverage
}

const possiblePairs = ({ places }: Pairs, from: number, to: number): number => places[from]!.members.length * places[to]!.members.length

const nameLink = (pairs: Pairs, reach: Reach, i: number, j: number, made: number, coverage: Coverage): void => {
  const { mesh, places } = pairs
  const [from, to] = [places[i]!, places[j]!]
  const wanted = Math.max(mesh.perLink, localisablePairs)
  if (made >= wanted) return
  const link = { mesh: mesh.name, from: from.name, to: to.name }
  const isLost = made === 0 && !from.members.some(a => to.members.some(b => pairs.mayProbe(a, b)))
  if (isLost) coverage.withoutAddress.push({ ...link, ...scopesOf(pairs, reach, i, j) })
  const why = isLost ? 'address' : made >= possiblePairs(pairs, i, j) ? 'agents' : whyShort(pairs, i, j)
  coverage.uncovered.push({ ...link, pairs: made, wanted, why })
}

/** Policy hub has no links between two places without a hub. */
const linkTest = ({ places, isHub }: Pairs): { count: number; test: (from: number, to: number) => boolean } => {
  const all = places.length * (places.length - 1)
  if (!isHub) return { count: all, test: () => true }
  const has = places.map(({ members }) => members.some(agent => isHub[agent]))
  const without = has.filter(one => !one).length
  return { count: all - without * (without - 1), test: (from, to) => has[from]! || has[to]! }
}

const whyShort = ({ places, targets, mesh }: Pairs, from: number, to: number): Uncovered['why'] => {
  const { members } = places[from]!
  if (members.every(agent => targets[agent]!.length >= mesh.maxTargets)) return 'limit'
  return members.length * places[to]!.members.length < Math.max(mesh.perLink, localisablePairs) ? 'agents' : 'address'
}

const scopesOf = ({ places, agents }: Pairs, reach: Reach, from: number, to: number): Pick<WithoutAddress, 'reach' | 'advertised'> => ({
  reach: reach.wantedScopes(places[from]!.members[0]!, places[to]!.members[0]!),
  advertised: [...new Set(places[to]!.members.flatMap(agent => agents[agent]!.advertise.map(({ scope }) => scope)))].sort(),
})
