/** What goes over each link: probes both ways, and telemetry on its way to the controller. A link is an ordered pair of regions. */
import { type Location, regionOf } from '../fleet/select.ts'
import { telemetryBytesPerWindow, windowMs } from './cost.ts'
import type { LiveAgent } from './live-agent.ts'
import type { Pairs } from './pairs.ts'
import type { PlannedCheck } from './planned-check.ts'
import type { Probed } from './target-checks.ts'

export type Load = {
  paths: number
  agentPairs: number
  packets: number
  probeBytes: number
  telemetryBytes: number /** Of all bytes, those that a cloud charges for. */
  billedBytes: number
}
/** By `from to`; everything per second but the counts. */
export type Loads = Map<string, Load>

/** Where targets are of which nobody says where they are: as far as prices go, beyond the cloud's edge. */
export const elsewhere = 'elsewhere'

export const loadOf = (loads: Loads, from: string, to: string): Load => {
  const key = `${from} ${to}`
  const known = loads.get(key)
  if (known) return known
  const load = { paths: 0, agentPairs: 0, packets: 0, probeBytes: 0, telemetryBytes: 0, billedBytes: 0 }
  loads.set(key, load)
  return load
}

/** `count` paths of a check. Within a region only what crosses zones is charged. */
const addPaths = (loads: Loads, from: string, to: string, { cost, everyMs }: PlannedCheck, count: number, crossing: number): void => {
  const perSecond = 1000 / everyMs
  const add = (load: Load, packets: number, bytes: number): void => {
    load.packets += count * packets * perSecond
    load.probeBytes += count * bytes * perSecond
    load.billedBytes += crossing * bytes * perSecond
  }
  const there = loadOf(loads, from, to)
  there.paths += count
  add(there, cost.packetsForward, cost.bytesForward)
  add(loadOf(loads, to, from), cost.packetsBack, cost.bytesBack)
}

export const addPairs = (loads: Loads, { agents, targets }: Pairs, checks: readonly PlannedCheck[]): void => {
  const names = [...new Set(agents.map(({ location }) => regionOf(location)))]
  const numbers = new Map(names.map((name, index) => [name, index]))
  const regions = agents.map(({ location }) => numbers.get(regionOf(location))!)
  const counts = new Map<number, { pairs: number; crossing: number }>()
  for (const [from, others] of targets.entries())
    for (const to of others) {
      const key = regions[from]! * names.length + regions[to]!
      const entry = counts.get(key) ?? { pairs: 0, crossing: 0 }
      counts.set(key, entry)
      entry.pairs++
      if (regions[from] !== regions[to] || agents[from]!.location.zone !== agents[to]!.location.zone) entry.crossing++
    }
  for (const [key, { pairs, crossing }] of counts) {
    const [from, to] = [names[Math.floor(key / names.length)]!, names[key % names.length]!]
    loadOf(loads, from, to).agentPairs += pairs
    for (const check of checks) addPaths(loads, from, to, check, pairs, crossing)
  }
}

export const addTargets = (loads: Loads, { target, agents }: Probed, check: PlannedCheck): void => {
  const [cloud, region, zone] = target.location?.split('/') ?? []
  const to = region === undefined ? elsewhere : `${cloud}/${region}`
  for (const { location } of agents) {
    const from = regionOf(location)
    addPaths(loads, from, to, check, 1, from !== to || location.zone !== zone ? 1 : 0)
  }
}

/** A path has a window every ten seconds, or one per run when it runs less often. */
export const addTelemetry = (
  loads: Loads,
  agent: LiveAgent,
  paths: readonly { everyMs: number; count: number }[],
  controller: Location | undefined,
): void => {
  const bytes = paths.reduce((sum, { everyMs, count }) => sum + (count * telemetryBytesPerWindow * 1000) / Math.max(everyMs, windowMs), 0)
  if (!bytes) return
  const from = regionOf(agent.location)
  const to = controller ? regionOf(controller) : elsewhere
  const load = loadOf(loads, from, to)
  load.telemetryBytes += bytes
  if (from !== to || agent.location.zone !== controller?.zone) load.billedBytes += bytes
}
