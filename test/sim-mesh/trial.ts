/** One trial: faults into a mesh, a minute of probing, some verdicts flipped, the solver asked, its answer graded. */

import { localise } from '../../controller/localise/localise.ts'
import { type Home, type Place, samePlace } from '../../controller/localise/place.ts'
import type { Fault, PathVerdict } from '../../controller/localise/verdict.ts'
import { combine, hashText } from '../../controller/plan/hash.ts'
import { isClean } from './element.ts'
import type { Injected } from './faults.ts'
import { playIcmp, playMtls, playMtu, playTcp, playUdp, type Trust } from './play.ts'
import type { End, Pair } from './topology.ts'

const kindsOf = ({ to }: Pair): readonly ('icmp' | 'udp' | 'tcp' | 'mtu' | 'mtls')[] =>
  to.isAgent ? ['icmp', 'udp', 'tcp', 'mtu', 'mtls'] : ['icmp', 'tcp', 'mtls']

const homeOf = ({ node, zone, region, cloud }: End): Required<Home> => ({ node, zone, region, cloud })

const placed = ({ from, to, hub }: Pair): Omit<PathVerdict, 'path' | 'check' | 'kind' | 'verdict'> => {
  const { node, zone, region, cloud } = homeOf(to)
  return {
    agent: from.name,
    ...homeOf(from),
    target: to.name,
    ...(to.isAgent && { toAgent: to.name, toNode: node }),
    toZone: zone,
    toRegion: region,
    toCloud: cloud,
    ...(hub && { via: hub }),
  }
}

const trustOf = (injected: readonly Injected[]): Trust => ({
  refuses: pair => injected.some(({ trust }) => trust?.refuses?.(pair)),
  isExpired: pair => injected.some(({ trust }) => trust?.isExpired?.(pair)),
})

/** What all paths are found to be. `flipped` is the share of verdicts that say the opposite. */
export const playMesh = (pairs: readonly Pair[], injected: readonly Injected[], flipped: number, random: () => number): PathVerdict[] => {
  const trust = trustOf(injected)
  const paths: PathVerdict[] = []
  for (const pair of pairs) {
    const base = placed(pair)
    const isSilent = injected.some(({ silent }) => silent === pair.from)
    const isQuiet = isClean(pair.forward) && isClean(pair.back) && !trust.isExpired(pair) && !trust.refuses(pair)
    for (const family of pair.families)
      for (const kind of kindsOf(pair)) {
        const path = `${base.agent} ${base.target} ${kind} ${family}`
        const known = { ...base, path, check: `mesh-${kind}`, kind, family, ...(kind === 'mtls' && { trustDomain: pair.to.trustDomain }) }
        if (isSilent) {
          paths.push({ ...known, verdict: 'unknown' })
          continue
        }
        const way = { pair, family, flow: combine(hashText(base.agent), hashText(base.target), hashText(kind)), random }
        const play = { icmp: playIcmp, udp: playUdp, tcp: playTcp, mtu: playMtu, mtls: (asked: typeof way) => playMtls(asked, trust) }[kind]
        const seen = isQuiet ? { verdict: 'good' as const } : play(way)
        paths.push(random() < flipped ? { ...known, verdict: seen.verdict === 'good' ? 'bad' : 'good' } : { ...known, ...seen })
      }
  }
  return paths
}

/** Places that a probe cannot tell apart here: a node with one agent is that agent. */
export type Alike = (place: Place) => string
const wayOf = (place: Place): string =>
  'direction' in place ? place.direction : 'from' in place && place.from !== undefined ? (place.both ? 'both' : 'one') : ''

/** The right name, and no direction that is wrong: "either way" is no wrong direction, it is less than was there to know. */
const isRight = (found: Place, wanted: Place, alike: Alike): boolean => {
  if (alike(found) !== alike(wanted)) return false
  if (wayOf(found) === 'both' || wayOf(found) === wayOf(wanted)) return wayOf(found) !== 'one' || samePlace(found, wanted)
  return false
}

export type Grade = { faults: Fault[]; hit: number; wrong: Place[]; directed: number }
export const grade = (paths: readonly PathVerdict[], injected: readonly Injected[], alike: Alike): Grade => {
  const { faults } = localise(paths)
  const open = [...faults]
  let [hit, directed] = [0, 0]
  for (const { place } of injected) {
    const index = open.findIndex(fault => isRight(fault.place, place, alike))
    if (index === -1) continue
    hit++
    if (samePlace(open[index]!.place, place)) directed++
    open.splice(index, 1)
  }
  return { faults, hit, wrong: open.map(({ place }) => place), directed }
}
