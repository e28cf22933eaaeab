/** Reads what an evaluation has to know of the world, each part again only when it may have changed. */
import { stateOf } from '../assign/agent-state.ts'
import type { FleetReader } from '../fleet/current.ts'
import { documentsInForce } from '../fleet/default-fleet.ts'
import { type MergedFleet, mergeFleets } from '../fleet/merge.ts'
import type { Location } from '../fleet/select.ts'
import { agentsVersion, listAgents, listSeen, type StoredAgent } from '../store/agents.ts'
import { readAssigned } from '../store/assigned.ts'
import { listGenerations } from '../store/documents.ts'
import { type Decision, listDecisions } from '../store/silences.ts'
import type { Store } from '../store/store.ts'
import { trustDomainOfId } from './fleetwise.ts'
import { compileRules, type Rules } from './rules.ts'
import type { AlertAgent, Surroundings } from './surroundings.ts'

const dayMs = 86_400_000
export type Gathered = Surroundings & {
  readonly decisions: readonly Decision[]
  readonly generations: readonly { generation: number; owner: string; author: string; atMs: number }[]
}
export type Gather = (nowMs: number, startedMs: number) => Promise<Gathered>

export const openGather = (store: Pick<Store, 'read'>, fleet: FleetReader, location?: Location): Gather => {
  let version = ''
  let places = new Map<string, Omit<AlertAgent, 'state' | 'lastSeenMs'>>()
  const assigned = new Map<string, ReadonlySet<string>>()
  let changedMs = 0
  let ruled: { generation: number; merged: MergedFleet; rules: Rules } | undefined
  return async (nowMs, startedMs) => {
    const current = await fleet.refresh()
    if (ruled?.generation !== current.generation) {
      const merged = current.fleets.length > 0 ? current.merged : mergeFleets(documentsInForce(current.fleets))
      ruled = { generation: current.generation, merged, rules: compileRules(merged) }
    }
    const read = await store.read(async sql => {
      const now = await agentsVersion(sql)
      return {
        version: now,
        all: now === version ? undefined : await listAgents(sql),
        seen: await listSeen(sql),
        rows: await readAssigned(sql, changedMs),
        decisions: await listDecisions(sql, ['silence', 'maintenance', 'change', 'baseline'], nowMs - 8 * dayMs),
        generations: await listGenerations(sql, { before: Number.MAX_SAFE_INTEGER, limit: 5 }),
      }
    })
    if (read.all) {
      places = new Map(read.all.map(agent => [agent.id, placeOf(agent)]))
      version = read.version
    }
    for (const { agentId, paths, changedMs: atMs } of read.rows) {
      const now = Object.entries(paths).flatMap(([check, targets]) =>
        Object.entries(targets).flatMap(([target, ended]) => (ended === 0 ? [`${check}\0${target}`] : [])),
      )
      assigned.set(agentId, new Set(now))
      changedMs = Math.max(changedMs, atMs)
    }
    const agents = new Map<string, AlertAgent>()
    for (const one of read.seen) {
      const place = places.get(one.id)
      if (place) agents.set(one.id, { ...place, state: stateOf(one, nowMs), lastSeenMs: one.lastSeenMs })
    }
    const { merged, rules } = ruled
    const of = (kind: Decision['kind']) => read.decisions.filter(one => one.kind === kind)
    return {
      nowMs,
      startedMs,
      rules,
      fleet: merged,
      generation: current.generation,
      agents,
      assigned,
      maintenance: of('maintenance') as Surroundings['maintenance'],
      changes: of('change'),
      decisions: read.decisions,
      generations: read.generations,
      ...(location && { location }),
    }
  }
}

/** What its responder shows, or else what it enrolled with. */
const placeOf = ({ id, location, cordoned, proof, details }: StoredAgent): Omit<AlertAgent, 'state' | 'lastSeenMs'> => {
  const own = details['spiffeId']
  const trustDomain = trustDomainOfId(typeof own === 'string' ? own : proof.subject)
  return { id, location, isCordoned: cordoned !== undefined, ...(trustDomain !== undefined && { trustDomain }) }
}

/** What changed shortly before a time: what people noted, and new generations of the fleet. */
export const changedLately = (
  { changes, generations }: Pick<Gathered, 'changes' | 'generations'>,
  sinceMs: number,
  isAbout: (one: Decision) => boolean,
): string[] => {
  const when = (atMs: number): string => new Date(atMs).toISOString().slice(0, 16).replace('T', ' ')
  const isLately = (atMs: number, hours: number): boolean => atMs > sinceMs - hours * 3_600_000
  return [
    ...changes
      .filter(one => isLately(one.startMs, 24) && isAbout(one))
      .map(({ startMs, author, reason }) => `${when(startMs)} ${reason} (${author})`),
    ...generations
      .filter(({ atMs }) => isLately(atMs, 2))
      .map(({ generation, owner, author, atMs }) => `${when(atMs)} generation ${generation} of the fleet, ${owner}'s (${author})`),
  ].slice(0, 8)
}
