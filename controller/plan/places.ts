/** Agents by the places that a mesh is between. */
import type { Mesh } from '../../wire/fleet.ts'
import { regionOf } from '../fleet/select.ts'
import { hashText } from './hash.ts'
import type { LiveAgent } from './live-agent.ts'

export type Place = { name: string; hash: number; members: number[] }

/** `aws`, `aws/us-east-1`, `aws/us-east-1/a`, or the node with everything around it. An agent that has no node is its own. */
export const placeName = ({ id, location }: LiveAgent, between: Mesh['between']): string => {
  const { cloud, zone, cluster, node } = location
  if (between === 'cloud') return cloud
  if (between === 'region') return regionOf(location)
  if (between === 'zone') return `${regionOf(location)}/${zone ?? '-'}`
  return `${regionOf(location)}/${cluster ?? '-'}/${node ?? `agent ${id}`}`
}

/** Sorted by name; `agents` are sorted by ID, so that members are too. */
export const placesOf = (agents: readonly LiveAgent[], between: Mesh['between']): { places: Place[]; placeOf: Int32Array } => {
  const found = new Map<string, number[]>()
  for (const [index, agent] of agents.entries()) {
    const name = placeName(agent, between)
    const members = found.get(name)
    if (members) members.push(index)
    else found.set(name, [index])
  }
  const places = [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, members]) => ({ name, hash: hashText(name), members }))
  const placeOf = new Int32Array(agents.length)
  for (const [index, { members }] of places.entries()) for (const member of members) placeOf[member] = index
  return { places, placeOf }
}
