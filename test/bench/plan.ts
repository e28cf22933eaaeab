/**
 * Planning for 10,000 agents: how long, and what one agent that joins moves. Each shape is planned several times, the fastest counts: the machine may be busy.
 * A path moves when it goes from one agent pair to another; an agent's share is the paths that it is an end of.
 */
import { parseFleet } from '../../controller/fleet/parse.ts'
import { differencePlans, type PlannedPath } from '../../controller/plan/difference.ts'
import type { LiveAgent } from '../../controller/plan/live-agent.ts'
import { planFleet } from '../../controller/plan/plan.ts'
import type { Fleet } from '../../wire/fleet.ts'
import { agentsOf } from '../controller/plan/made-up-fleet.ts'
import { machine } from './machine.ts'
import { report } from './report.ts'

const shapes = {
  'sampled, 30 regions, 3 checks': { count: 10_000, regions: 30, mesh: '' },
  'sampled, 90 zones, 3 checks': { count: 10_000, regions: 30, mesh: ', between: zone' },
  'full, 100 targets each, 3 checks': { count: 1000, regions: 30, mesh: ', policy: full' },
}

const fleetOf = (mesh: string): Fleet => {
  const parsed = parseFleet(`apiVersion: causeway/v1
checks: [{ name: i, kind: icmp, every: 10s }, { name: t, kind: tcp, every: 10s }, { name: m, kind: mtu, every: 5m }]
mesh: [{ name: all, checks: [i, t, m]${mesh} }]`)
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
  return parsed.value
}

const measure = ({ count, regions, mesh }: { count: number; regions: number; mesh: string }): object => {
  const fleet = fleetOf(mesh)
  const [joining, ...agents] = agentsOf(count + 1, regions) as [LiveAgent, ...LiveAgent[]]
  const rounds = [1, 2, 3].map(() => {
    const cpu = process.cpuUsage()
    const start = performance.now()
    const plan = planFleet(fleet, agents, { nowMs: 0 })
    const { user, system } = process.cpuUsage(cpu)
    return { plan, wallMs: performance.now() - start, cpuMs: (user + system) / 1000 }
  })
  const { plan } = rounds[0]!
  const after = planFleet(fleet, [...agents, joining], { nowMs: 0 })
  const { added, removed, paths } = differencePlans(plan, after)
  const isOwn = ({ agent, target }: PlannedPath): boolean => agent === joining.id || new RegExp(`^agent/${joining.id}(/|$)`).test(target)
  const ownPaths = added.filter(isOwn).length
  const othersChanged = paths.added + paths.removed - ownPaths
  return {
    agents: agents.length,
    paths: plan.summary.paths,
    meshLinks: plan.summary.meshLinks,
    wallMs: Math.min(...rounds.map(({ wallMs }) => Math.round(wallMs))),
    cpuMs: Math.min(...rounds.map(({ cpuMs }) => Math.round(cpuMs))),
    barMs: 2000,
    joining: { ownPaths, othersChanged, removed: removed.length, ratio: Number((othersChanged / ownPaths).toFixed(2)), bar: 2 },
  }
}

await report(async () => ({
  what: 'plan for 10,000 agents; one agent joining',
  machine: machine(),
  shapes: Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, measure(shape)])),
}))
