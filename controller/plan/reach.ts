/** Which address of another agent an agent can reach. Pod networks of two clusters are seldom one network. */
import type { FleetLink, Scope } from '../../wire/fleet.ts'
import { regionOf } from '../fleet/select.ts'
import type { Advertised, LiveAgent } from './live-agent.ts'

const scopes: readonly Scope[] = ['pod', 'node', 'loadBalancer']
const bitOf: { readonly [S in Scope]: number } = { pod: 1, node: 2, loadBalancer: 4 }
const anyScope = 7
const beyondCluster = bitOf.node | bitOf.loadBalancer

export type Reach = {
  canReach: (from: number, to: number) => boolean
  /** The address that is used; for pairs that can reach each other. */
  addressOf: (from: number, to: number) => Advertised
  wantedScopes: (from: number, to: number) => Scope[]
}

/** Of agents by their index. `links` say what is reachable between two regions; else any address within a cluster, and none of a pod from outside. */
export const reachOf = (agents: readonly LiveAgent[], links: readonly Pick<FleetLink, 'from' | 'to' | 'reach'>[]): Reach => {
  const numbers = new Map<string, number>()
  const numberOf = (text: string): number => {
    const number = numbers.get(text) ?? numbers.size
    numbers.set(text, number)
    return number
  }
  const regions = Int32Array.from(agents, ({ location }) => numberOf(regionOf(location)))
  const clusters = Int32Array.from(agents, ({ location }) =>
    location.cluster === undefined ? -1 : numberOf(`cluster ${location.cluster}`),
  )
  const offered = Uint8Array.from(agents, ({ advertise }) => advertise.reduce((mask, { scope }) => mask | bitOf[scope], 0))
  const declared = new Map<number, number>()
  const count = 1e6
  for (const { from, to, reach } of links) if (reach) declared.set(numberOf(from) * count + numberOf(to), bitOf[reach])
  const wanted = (from: number, to: number): number => {
    const said = declared.size ? declared.get(regions[from]! * count + regions[to]!) : undefined
    // Without a cluster there is no pod network: whatever it advertises is its own address.
    return said ?? (clusters[to] === -1 || clusters[from] === clusters[to] ? anyScope : beyondCluster)
  }
  return {
    canReach: (from, to) => (wanted(from, to) & offered[to]!) !== 0,
    addressOf: (from, to) => {
      const mask = wanted(from, to)
      const scope = scopes.find(one => (mask & bitOf[one] & offered[to]!) !== 0)
      return agents[to]!.advertise.find(one => one.scope === scope)!
    },
    wantedScopes: (from, to) => scopes.filter(one => (wanted(from, to) & bitOf[one]) !== 0),
  }
}
