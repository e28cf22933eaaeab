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
  const coverage: Coverage = { links: 0, covered: 0, uncovered: [], withoutAddress: [] }
  for (let i = 0; i < places.length; i++)
    for (let j = 0; j < places.length; j++) {
      if (i === j || !isLink(pairs, i, j)) continue
      coverage.links++
      const [from, to, made] = [places[i]!, places[j]!, counts.get(i * places.length + j) ?? 0]
      const possible = from.members.length * to.members.length
      if (made >= Math.min(mesh.perLink, possible)) coverage.covered++
      const wanted = Math.max(mesh.perLink, localisablePairs)
      if (made >= wanted || coverage.uncovered.length >= maxNamed) continue
      const link = { mesh: mesh.name, from: from.name, to: to.name }
      const isLost = made === 0 && !from.members.some(a => to.members.some(b => pairs.mayProbe(a, b)))
      if (isLost) coverage.withoutAddress.push({ ...link, ...scopesOf(pairs, reach, i, j) })
      coverage.uncovered.push({
        ...link,
        pairs: made,
        wanted,
        why: isLost ? 'address' : made >= possible ? 'agents' : whyShort(pairs, i, j),
      })
    }
  return coverage
}

/** Policy hub has no links between two places without a hub. */
const isLink = ({ places, isOfPolicy, mesh }: Pairs, from: number, to: number): boolean =>
  mesh.policy !== 'hub' || places[from]!.members.some(a => places[to]!.members.some(b => isOfPolicy(a, b)))

const whyShort = ({ places, targets, mesh }: Pairs, from: number, to: number): Uncovered['why'] => {
  const { members } = places[from]!
  if (members.every(agent => targets[agent]!.length >= mesh.maxTargets)) return 'limit'
  return members.length * places[to]!.members.length < Math.max(mesh.perLink, localisablePairs) ? 'agents' : 'address'
}

const scopesOf = ({ places, agents }: Pairs, reach: Reach, from: number, to: number): Pick<WithoutAddress, 'reach' | 'advertised'> => ({
  reach: reach.wantedScopes(places[from]!.members[0]!, places[to]!.members[0]!),
  advertised: [...new Set(places[to]!.members.flatMap(agent => agents[agent]!.advertise.map(({ scope }) => scope)))].sort(),
})
