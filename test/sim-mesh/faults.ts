/** What goes wrong: troubles put on elements, or on what the ends hold; and the place that a person would name for it. */
import type { Direction, Place } from '../../controller/localise/place.ts'
import type { Trouble } from './element.ts'
import type { Trust } from './play.ts'
import { pick } from './random.ts'
import type { End, World } from './topology.ts'

export type Injected = { name: string; place: Place; apply: () => void; silent?: End; trust?: Partial<Trust> }
type Make = (world: World, random: () => number) => Injected

const put =
  (world: World, names: readonly string[], trouble: Trouble): (() => void) =>
  () => {
    for (const name of names) world.element(name).troubles.push(trouble)
  }

/** All of it, most of it, some of it, or one lane of two. */
const someLoss = (random: () => number): Trouble => pick([{ loss: 1 }, { loss: 0.6 }, { loss: 0.3 }, { loss: 1, lanes: 2 }], random)
const directions: readonly Direction[] = ['in', 'out', 'both']

const locatedLoss =
  (kind: 'agent' | 'node' | 'zone' | 'region', choose: (world: World, random: () => number) => string): Make =>
  (world, random) => {
    const name = choose(world, random)
    const direction = pick(directions, random)
    const ways = direction === 'both' ? ['in', 'out'] : [direction]
    const trouble = someLoss(random)
    const names = ways.map(way => `${kind} ${name} ${way}`)
    return {
      name: `${kind} loses ${JSON.stringify(trouble)} ${direction}`,
      place: { kind, name, direction },
      apply: put(world, names, trouble),
    }
  }

const anyAgent = (world: World, random: () => number): End => pick(world.agents, random)
const twoOf = <T>(list: readonly T[], random: () => number): [T, T] => {
  const first = pick(list, random)
  const rest = list.filter(other => other !== first)
  return [first, pick(rest, random)]
}
const cloudsOf = (world: World): string[] => [...new Set(world.agents.map(({ cloud }) => cloud))]

/** Trouble between two places, one way or both. */
const between =
  (kind: 'link' | 'clouds', makeTrouble: (random: () => number) => Trouble): Make =>
  (world, random) => {
    const [from, to] = twoOf(kind === 'link' ? world.regions : cloudsOf(world), random)
    const both = random() < 0.5
    const trouble = makeTrouble(random)
    const element = kind === 'link' ? 'link' : 'interconnect'
    const names = [`${element} ${from}>${to}`, ...(both ? [`${element} ${to}>${from}`] : [])]
    const ends = both && to < from ? { from: to, to: from } : { from, to }
    const place: Place = trouble.family
      ? { kind: 'family', family: trouble.family, ...ends, ...(both && { both }) }
      : { kind, ...ends, ...(both && { both }) }
    return { name: `${kind} ${JSON.stringify(trouble)} ${both ? 'both ways' : 'one way'}`, place, apply: put(world, names, trouble) }
  }

const hubDies: Make = (world, random) => {
  const name = pick(world.hubs, random)
  return { name: 'hub loses', place: { kind: 'hub', name }, apply: put(world, [`hub ${name}`], someLoss(random)) }
}

const serviceDies: Make = (world, random) => {
  const { name } = pick(world.services, random)
  return { name: 'service dies', place: { kind: 'target', name }, apply: put(world, [`agent ${name} in`], { loss: 1 }) }
}

/** It tells nothing any more, and those who probe it get no answer. */
const agentDies: Make = (world, random) => {
  const agent = anyAgent(world, random)
  return {
    name: 'agent dies',
    place: { kind: 'agent', name: agent.name, direction: 'both' },
    apply: put(world, [`agent ${agent.name} in`], { loss: 1 }),
    silent: agent,
  }
}

const certificateEnds: Make = (world, random) => {
  const { name } = pick(world.services, random)
  const isExpired: Trust['isExpired'] = ({ to }) => to.name === name
  return { name: 'certificate ends', place: { kind: 'target', name }, apply: () => {}, trust: { isExpired } }
}

/** New certificates are signed by an authority that nobody elsewhere holds. */
const authorityUnknown: Make = (world, random) => {
  const cloud = pick(cloudsOf(world), random)
  const trustDomain = `${cloud}.example`
  const refuses: Trust['refuses'] = ({ from, to }) => to.trustDomain === trustDomain && from.trustDomain !== trustDomain
  return { name: 'authority unknown', place: { kind: 'trustDomain', name: trustDomain }, apply: () => {}, trust: { refuses } }
}

/** One cloud has not fetched the bundle of another. */
const bundleBehind: Make = (world, random) => {
  const [from, to] = twoOf(cloudsOf(world), random)
  const refuses: Trust['refuses'] = pair => pair.from.cloud === from && pair.to.cloud === to
  return { name: 'bundle behind', place: { kind: 'clouds', from, to }, apply: () => {}, trust: { refuses } }
}

const hole = (random: () => number): Trouble => ({ mtu: pick([1200, 1280, 1380, 1400], random) })

export const faultMakers: readonly Make[] = [
  locatedLoss('agent', (world, random) => anyAgent(world, random).name),
  locatedLoss('node', (world, random) => anyAgent(world, random).node),
  locatedLoss('zone', (world, random) => anyAgent(world, random).zone),
  locatedLoss('region', (world, random) => pick(world.regions, random)),
  between('link', someLoss),
  between('link', hole),
  between('clouds', someLoss),
  between('clouds', hole),
  between('link', () => ({ refusesSyn: true })),
  between('clouds', () => ({ loss: 1, family: 6 })),
  hubDies,
  serviceDies,
  agentDies,
  certificateEnds,
  authorityUnknown,
  bundleBehind,
]
