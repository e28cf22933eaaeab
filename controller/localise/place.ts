/**
 * Where a fault can be. Names are as a path has them, whole: cloud `aws`, region `aws/us-east-1`, zone `aws/us-east-1/a`, so that a place is
 * known without its surroundings. Places have names that people use; a switch over `kind` is complete without a default.
 */
import { hashText } from '../plan/hash.ts'

export type Direction = 'in' | 'out' | 'both'

/** Kinds of place that traffic both leaves and enters, from the narrowest to the widest. */
export const locatedKinds = ['agent', 'node', 'zone', 'region', 'cloud'] as const
export type LocatedKind = (typeof locatedKinds)[number]

export type Place =
  | { kind: LocatedKind; name: string; direction: Direction }
  | { kind: 'target' | 'hub' | 'trustDomain' | 'issuer'; name: string }
  /** From one region to another. `both`: either way, or nothing tells which; `from` is then the first by name, so that both ends say the same. */
  | { kind: 'link'; from: string; to: string; both?: true }
  /** From one cloud to another. */
  | { kind: 'clouds'; from: string; to: string; both?: true }
  /** IPv4 or IPv6: everywhere, or between two regions or clouds. */
  | { kind: 'family'; family: 4 | 6; from?: string; to?: string; both?: true }

/** Where something stands, as far as it is known. */
export type Home = { node?: string; zone?: string; region?: string; cloud?: string }

const arrow = ({ both }: { both?: true }): string => (both ? ' ↔ ' : ' → ')
const keyArrow = ({ both }: { both?: true }): string => (both ? '<>' : '>')

/** `aws/us-east-1 → azure/eastus`, `region aws/us-east-1, outgoing`: the place as a page says it. */
export const placeText = (place: Place): string => {
  switch (place.kind) {
    case 'link':
    case 'clouds':
      return place.from + arrow(place) + place.to
    case 'family':
      return `IPv${place.family}${place.from === undefined || place.to === undefined ? '' : `, ${place.from}${arrow(place)}${place.to}`}`
    case 'trustDomain':
      return `trust domain ${place.name}`
    case 'target':
    case 'hub':
    case 'issuer':
      return `${place.kind} ${place.name}`
    case 'agent':
    case 'node':
    case 'zone':
    case 'region':
    case 'cloud':
      return `${place.kind} ${place.name}${place.direction === 'both' ? '' : place.direction === 'in' ? ', incoming' : ', outgoing'}`
  }
}

/** The place in one line that means no other place: parts in a fixed order, joined by what no name may hold. */
const placeKey = (place: Place): string => {
  switch (place.kind) {
    case 'link':
    case 'clouds':
      return `${place.kind}:${place.from}${keyArrow(place)}${place.to}`
    case 'family':
      return `family:${place.family}${place.from === undefined || place.to === undefined ? '' : `:${place.from}${keyArrow(place)}${place.to}`}`
    case 'target':
    case 'hub':
    case 'trustDomain':
    case 'issuer':
      return `${place.kind}:${place.name}`
    case 'agent':
    case 'node':
    case 'zone':
    case 'region':
    case 'cloud':
      return `${place.kind}:${place.name}:${place.direction}`
  }
}

/** PagerDuty takes 255 characters, and a key is read by people and prefixed by receivers. */
const keyMaxLength = 120

/**
 * The key that an incident is known by everywhere: made of place and layer alone, so that two controllers that see the same fault say the same.
 * Printable ASCII; what is longer ends in a hash of the whole.
 */
export const incidentKey = (place: Place, layer: string): string => {
  const whole = `${layer}:${placeKey(place)}`
  const plain = whole.replace(/[^\x21-\x7e]/g, '_')
  if (plain === whole && whole.length <= keyMaxLength) return whole
  return `${plain.slice(0, keyMaxLength - 9)}~${hashText(whole).toString(16).padStart(8, '0')}`
}

export const samePlace = (a: Place, b: Place): boolean => placeKey(a) === placeKey(b)

/** Where each agent, node and target stands: what `contains` needs beyond the names. Keys are `agent <name>`, `node <name>`, `target <name>`. */
export type Homes = ReadonlyMap<string, Home>

/** The cloud, region or zone that a name with slashes begins with. */
const within = (outer: string, inner: string): boolean => inner === outer || inner.startsWith(`${outer}/`)

const isLocated = (place: Place): place is Extract<Place, { direction: Direction }> => 'direction' in place

/** Whether what is named stands inside a located place (both by name, or by where the homes say it is). */
const standsIn = (outer: { kind: LocatedKind; name: string }, kind: string, name: string, homes: Homes): boolean => {
  if (outer.kind === kind) return outer.name === name
  if (outer.kind === 'agent') return false
  const home: Home | undefined = homes.get(`${kind} ${name}`)
  if (home?.[outer.kind] !== undefined) return home[outer.kind] === outer.name
  return outer.kind !== 'node' && (kind === 'zone' || kind === 'region') && within(outer.name, name)
}

/** What a directed pair of places runs from and to. */
type Ends = { from: string; to: string; both?: true }
const endsOf = (place: Place): Ends | undefined => {
  if (place.kind !== 'link' && place.kind !== 'clouds' && place.kind !== 'family') return undefined
  const { from, to, both } = place
  return from === undefined || to === undefined ? undefined : { from, to, ...(both && { both }) }
}

/** Whether all that runs between the inner ends runs between the outer ones, the same way. */
const spans = (outer: Ends, inner: Ends): boolean =>
  (within(outer.from, inner.from) && within(outer.to, inner.to) && (outer.both === true || inner.both !== true)) ||
  (outer.both === true && within(outer.from, inner.to) && within(outer.to, inner.from))

/** Whether all that runs between the ends crosses the place. */
const crosses = (outer: { name: string; direction: Direction }, { from, to, both }: Ends): boolean => {
  const leaves = within(outer.name, from)
  const enters = within(outer.name, to)
  if (outer.direction === 'both') return leaves || enters
  return both !== true && (outer.direction === 'out' ? leaves : enters)
}

const reaches = (outer: Direction, inner: Direction): boolean => outer === 'both' || outer === inner

/**
 * Whether every path of `inner` goes through `outer`, so that an incident there explains one here and the narrower joins the wider. A place
 * contains itself. What depends on more than names (an agent's region) is taken from `homes`; unknown is no.
 */
export const contains = (outer: Place, inner: Place, homes: Homes = new Map()): boolean => {
  if (samePlace(outer, inner)) return true
  const ends = endsOf(inner)
  if (isLocated(outer)) {
    if (isLocated(inner)) return reaches(outer.direction, inner.direction) && standsIn(outer, inner.kind, inner.name, homes)
    if (inner.kind === 'target') return outer.direction !== 'out' && standsIn(outer, 'target', inner.name, homes)
    return ends !== undefined && outer.kind !== 'agent' && outer.kind !== 'node' && crosses(outer, ends)
  }
  const around = endsOf(outer)
  if (outer.kind === 'family') {
    if (inner.kind !== 'family' || outer.family !== inner.family) return false
    return around === undefined || (ends !== undefined && spans(around, ends))
  }
  return around !== undefined && ends !== undefined && spans(around, ends)
}
