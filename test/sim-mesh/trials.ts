/** Many trials of one kind, counted. */
import { contains, type Homes, type Place, placeText, samePlace } from '../../controller/localise/place.ts'
import { faultMakers, type Injected } from './faults.ts'
import { pick, seeded } from './random.ts'
import { buildWorld, type Pair, planPairs, type Shape, type World } from './topology.ts'
import { type Alike, grade, playMesh } from './trial.ts'

export type Count = {
  trials: number
  allRight: number
  exact: number
  injected: number
  found: number
  falsePlaces: number
  directed: number
  misses: string[]
}

/** An agent alone on its node, a zone with one node and the like share a name: the narrowest. */
const alikeIn = (world: World): Alike => {
  const members = new Map<string, string>()
  for (const kind of ['node', 'zone'] as const)
    for (const name of new Set(world.agents.map(agent => agent[kind]))) {
      const own = world.agents.filter(agent => agent[kind] === name)
      if (own.length === 1 && !world.services.some(service => service[kind] === name))
        members.set(`${kind} ${name}`, `agent ${own[0]!.name}`)
    }
  return place => {
    if ('direction' in place) return members.get(`${place.kind} ${place.name}`) ?? `${place.kind} ${place.name}`
    if ('name' in place) return `${place.kind} ${place.name}`
    if (place.from === undefined || place.to === undefined) return placeText(place)
    return `${place.kind} ${'family' in place ? place.family : ''} ${[place.from, place.to].sort().join(' ')}`
  }
}

const homesIn = (world: World): Homes =>
  new Map([
    ...world.agents.map(agent => [`agent ${agent.name}`, agent] as const),
    ...world.agents.map(agent => [`node ${agent.node}`, agent] as const),
    ...world.services.map(service => [`target ${service.name}`, service] as const),
  ])

/** Without its direction, so that what overlaps one way only counts as overlapping. */
const whole = (place: Place): Place =>
  'direction' in place ? { ...place, direction: 'both' } : 'from' in place && place.from !== undefined ? { ...place, both: true } : place

/** Hubs stand between two clouds: what is between those is not apart from them. */
const meetAtHub = (a: Place, b: Place): boolean => a.kind === 'hub' && (b.kind === 'hub' || ('from' in b && b.from !== undefined))

const areIndependent = (a: Place, b: Place, homes: Homes): boolean =>
  !meetAtHub(a, b) &&
  !meetAtHub(b, a) &&
  !samePlace(whole(a), whole(b)) &&
  !contains(whole(a), whole(b), homes) &&
  !contains(whole(b), whole(a), homes)

/** Faults of which none contains another, and each of which some pair can see. */
const inject = (world: World, many: number, homes: Homes, random: () => number): Injected[] => {
  const injected: Injected[] = []
  while (injected.length < many) {
    const next = pick(faultMakers, random)(world, random)
    if (injected.every(({ place }) => areIndependent(place, next.place, homes))) injected.push(next)
  }
  return injected
}

const placesNow = (faults: readonly { place: Place; layer: string; explains: string[]; against: string[] }[]): string =>
  faults.map(({ place, layer, explains, against }) => `${placeText(place)} (${layer}, ${explains.length}/${against.length})`).join('; ')

export type Asked = { shape: Shape; degree: number; faults: number; trials: number; flipped: number; seed: number }

export const runTrials = ({ shape, degree, faults, trials, flipped, seed }: Asked): Count => {
  const count: Count = { trials, allRight: 0, exact: 0, injected: 0, found: 0, falsePlaces: 0, directed: 0, misses: [] }
  for (let trial = 0; trial < trials; trial++) {
    const random = seeded(seed * 100_003 + trial)
    const world = buildWorld(shape, random)
    const pairs: Pair[] = planPairs(world, degree, random)
    const injected = inject(world, faults, homesIn(world), random)
    for (const { apply } of injected) apply()
    const graded = grade(playMesh(pairs, injected, flipped, random), injected, alikeIn(world))
    count.injected += faults
    count.found += graded.faults.length
    count.falsePlaces += graded.wrong.length
    count.directed += graded.directed
    if (graded.hit === faults) count.allRight++
    if (graded.hit === faults && graded.wrong.length === 0) count.exact++
    else
      count.misses.push(
        `trial ${trial}: ${injected.map(({ name, place }) => `${placeText(place)} [${name}]`).join('; ')} => ${placesNow(graded.faults)}`,
      )
  }
  return count
}
