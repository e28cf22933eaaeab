/**
 * Which agent of a mesh probes which. Three passes over slots that are filled by rendezvous hashing: every link gets its pairs, every agent its probers
 * (the first from its own place: the control without which a bad agent looks like a bad link), and for policies `full` and `hub` the rest as far as
 * `maxTargets` goes. Slots do not depend on each other except where a limit binds, so that joining and leaving moves only what it must.
 */
import type { Mesh } from '../../wire/fleet.ts'
import { msOf } from '../fleet/duration.ts'
import { selects } from '../fleet/select.ts'
import { coverLinks } from './cover-links.ts'
import { fillRest } from './fill-rest.ts'
import { hashText } from './hash.ts'
import type { LiveAgent } from './live-agent.ts'
import type { Mix } from './mix.ts'
import { placesOf } from './places.ts'
import { giveProbers } from './probers.ts'
import type { Reach } from './reach.ts'

export type Pairs = Pick<Mix, 'mesh' | 'agents' | 'places' | 'placeOf' | 'targets' | 'probers' | 'isHub' | 'mayProbe'>

/** `agents` are sorted by ID and take part; `nowMs` only tells how far the rotation is. */
export const planPairs = (mesh: Mesh, agents: readonly LiveAgent[], reach: Reach, nowMs: number): Pairs => {
  const { places, placeOf } = placesOf(agents, mesh.between)
  const isHub = mesh.policy === 'hub' ? agents.map(agent => selects(mesh.hub, agent)) : undefined
  const isOfPolicy = (from: number, to: number): boolean => !isHub || isHub[from]! || isHub[to]!
  const rotateMs = mesh.policy === 'sampled' ? msOf(mesh.rotate) : 0
  const state: Mix = {
    mesh,
    agents,
    hashes: Uint32Array.from(agents, ({ id }) => hashText(id)),
    places,
    placeOf,
    placeHashes: Uint32Array.from(places, ({ hash }) => hash),
    sizes: Uint32Array.from(places, ({ members }) => members.length),
    seed: hashText(mesh.name),
    period: rotateMs ? Math.floor(nowMs / rotateMs) : undefined,
    targets: agents.map(() => []),
    probers: agents.map(() => []),
    isHub,
    mayProbe: (from, to) => from !== to && isOfPolicy(from, to) && reach.canReach(from, to),
  }
  const isTight = coverLinks(state)
  giveProbers(state, isTight)
  if (mesh.policy !== 'sampled') fillRest(state)
  for (const list of state.targets) list.sort((a, b) => a - b)
  return state
}
