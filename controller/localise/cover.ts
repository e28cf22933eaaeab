/** Which pairs run through a place. */
import { cloudLevel, regionLevel } from './atoms.ts'
import { levels, type Names, type Pairs } from './pairs.ts'
import { locatedKinds, type Place } from './place.ts'

/** `inside`: both ends stand in it, or only answers may run through it; whether that counts is for who asks. */
export type Cover = (pair: number) => 'through' | 'inside' | undefined

const numberOf = (names: Names, name: string): number => names.list.indexOf(name)

const betweenPlaces = (pairs: Pairs, { from, to, both }: { from: string; to: string; both?: true }, level: number): Cover => {
  const [a, b] = [numberOf(pairs.places[level]!, from), numberOf(pairs.places[level]!, to)]
  return pair => {
    const here = pairs.agentHome[pairs.agent[pair]! * levels + level]
    const there = pairs.targetHome[pairs.target[pair]! * levels + level]
    return (here === a && there === b) || (both === true && here === b && there === a) ? 'through' : undefined
  }
}

const locatedIn = (pairs: Pairs, place: Extract<Place, { direction: string }>): Cover => {
  const level = locatedKinds.indexOf(place.kind)
  const own = numberOf(pairs.places[level]!, place.name)
  return pair => {
    const here = pairs.agentHome[pairs.agent[pair]! * levels + level] === own
    const there = pairs.targetHome[pairs.target[pair]! * levels + level] === own
    if (here && there) return place.direction === 'both' ? 'inside' : undefined
    return (here && place.direction !== 'in') || (there && place.direction !== 'out') ? 'through' : undefined
  }
}

const ofName =
  (column: Int32Array, own: number): Cover =>
  pair =>
    column[pair] === own ? 'through' : undefined

export const coverOf = (pairs: Pairs, place: Place): Cover => {
  switch (place.kind) {
    case 'link':
      return betweenPlaces(pairs, place, regionLevel)
    case 'clouds':
      return betweenPlaces(pairs, place, cloudLevel)
    case 'family': {
      const { family, from, to, both } = place
      if (from === undefined || to === undefined) return pair => (pairs.family[pair] === family ? 'through' : undefined)
      const level = pairs.places[cloudLevel]!.list.includes(from) ? cloudLevel : regionLevel
      const cover = betweenPlaces(pairs, { from, to, ...(both && { both }) }, level)
      return pair => (pairs.family[pair] === family ? cover(pair) : undefined)
    }
    case 'target':
      return ofName(pairs.target, numberOf(pairs.targets, place.name))
    case 'hub': {
      const own = numberOf(pairs.hubs, place.name)
      return pair => (pairs.hub[pair] === own ? 'through' : pairs.backHub[pair] === own ? 'inside' : undefined)
    }
    case 'trustDomain':
      return ofName(pairs.trustDomain, numberOf(pairs.trustDomains, place.name))
    case 'issuer':
      return ofName(pairs.issuer, numberOf(pairs.issuers, place.name))
    case 'agent':
    case 'node':
    case 'zone':
    case 'region':
    case 'cloud':
      return locatedIn(pairs, place)
  }
}
