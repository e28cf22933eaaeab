/**
 * Which way the packets of a fault were lost. A probe goes there and back, so that loss on one way makes the probes of both ends bad; only what an
 * agent could tell of its own path (one-way loss, the MTU of each direction) says which way it was.
 */
import type { Direction, Place } from './place.ts'
import type { PathVerdict } from './verdict.ts'

/** So much of what was told must agree: some agents take a fault for another one. */
const agreement = 0.8

const located = (
  path: PathVerdict,
  kind: 'agent' | 'node' | 'zone' | 'region' | 'cloud',
  name: string,
): 'source' | 'destination' | undefined => {
  const far = { agent: path.toAgent, node: path.toNode, zone: path.toZone, region: path.toRegion, cloud: path.toCloud }[kind]
  const here = path[kind] === name
  return here === (far === name) ? undefined : here ? 'source' : 'destination'
}

/** Which end of the path is the place, or the end that the place names first; nothing where it is both or neither. */
const endAt = (place: Place, path: PathVerdict): 'source' | 'destination' | undefined => {
  if ('direction' in place) return located(path, place.kind, place.name)
  if (!('from' in place) || place.from === undefined) return undefined
  const kind = place.kind === 'clouds' || !place.from.includes('/') ? 'cloud' : 'region'
  return located(path, kind, place.from)
}

/** Ways out of the place (or of the end named first) that were told, and ways in. */
const countWays = (place: Place, bad: readonly PathVerdict[]): { out: number; in: number; both: number } => {
  const ways = { out: 0, in: 0, both: 0 }
  for (const path of bad) {
    const end = endAt(place, path)
    if (path.direction === undefined || end === undefined) continue
    if (path.direction === 'both') ways.both++
    else ways[(path.direction === 'forward') === (end === 'source') ? 'out' : 'in']++
  }
  return ways
}

const turned = (place: Place, way: Direction): Place => {
  if ('direction' in place) return { ...place, direction: way }
  if (!('from' in place) || place.from === undefined || place.to === undefined) return place
  const { both: _, ...oneWay } = place
  if (way === 'both') return { ...oneWay, ...(place.from < place.to ? {} : { from: place.to, to: place.from }), both: true }
  return way === 'out' ? oneWay : { ...oneWay, from: place.to, to: place.from }
}

/** The place with the direction that its bad paths tell; without a word of theirs, as it is. */
export const withDirection = (place: Place, bad: readonly PathVerdict[]): Place => {
  const ways = countWays(place, bad)
  const told = ways.out + ways.in + ways.both
  if (told === 0) return place
  if (ways.out >= agreement * told) return turned(place, 'out')
  if (ways.in >= agreement * told) return turned(place, 'in')
  return turned(place, 'both')
}
