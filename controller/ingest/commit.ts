/** What a group of batches is in the store. */
import type { LogEvent } from '../../wire/otlp-logs.ts'
import { touchAgent } from '../store/agents.ts'
import { keepBatch } from '../store/batches.ts'
import { addEvent, type NewEvent } from '../store/events.ts'
import type { Range } from '../store/ranges.ts'
import { receiveAll } from '../store/received.ts'
import type { Sql } from '../store/sql.ts'
import type { Commit, CommitGroup } from './group.ts'
import type { Ledger } from './ledger.ts'
import type { BatchId } from './received.ts'

/** Events that agents may make, by their names in OTLP. What else they call theirs is not shown to people. */
const eventKinds: Readonly<Record<string, string>> = {
  'causeway.run.failed': 'run_failed',
  'causeway.path.changed': 'path_changed',
  'causeway.path.rtt_step': 'rtt_step',
  'causeway.path.traced': 'path_traced',
  'causeway.route.changed': 'route_changed',
  'causeway.certificate.ending': 'certificate_ending',
}
/** Of the attributes of an event, as JSON. */
const maxBodyLength = 8192

export const commitTo =
  (ledger: Ledger, holder: string): Commit =>
  group =>
    ledger(sql => writeGroup(sql, holder, group))

/** Rows are locked in one order, so that replicas do not wait for each other in a circle. */
const writeGroup = async (sql: Sql, holder: string, { atMs, received, batches, events }: CommitGroup): Promise<readonly BatchId[]> => {
  const elsewhere: BatchId[] = []
  for (const [agent, boots] of byAgent(received)) {
    for (const [boot, ids] of boots) {
      const ranges = ids.map(({ sequence }) => ({ first: sequence, last: sequence }))
      const fresh = await receiveAll(sql, { agentId: agent, boot, ranges, nowMs: atMs })
      elsewhere.push(...ids.filter(({ sequence }) => !isIn(fresh, sequence)))
    }
    await touchAgent(sql, agent, atMs)
  }
  const isFresh = (id: BatchId): boolean => !elsewhere.includes(id)
  for (const batch of batches) if (isFresh(batch.id)) await keepBatch(sql, holder, { ...batch, atMs, done: [] })
  for (const { id, event } of events) {
    const stored = isFresh(id) ? eventOf(id.agent, event) : undefined
    if (stored) await addEvent(sql, stored)
  }
  return elsewhere
}

const isIn = (ranges: readonly Range[], number: number): boolean => ranges.some(({ first, last }) => first <= number && number <= last)

const byAgent = (ids: readonly BatchId[]): [string, [string, BatchId[]][]][] => {
  const sorted = <T>(map: Map<string, T>): [string, T][] => [...map].sort(([a], [b]) => (a < b ? -1 : 1))
  return sorted(Map.groupBy(ids, ({ agent }) => agent)).map(([agent, its]) => [agent, sorted(Map.groupBy(its, ({ boot }) => boot))])
}

/** `atMs` of the body is the agent's own time; the event's is when it came. */
const eventOf = (agent: string, { name, atMs, severity, body, attributes }: LogEvent): NewEvent | undefined => {
  const kind = Object.hasOwn(eventKinds, name) ? eventKinds[name]! : undefined
  if (kind === undefined) return undefined
  const text = typeof body === 'string' ? body.slice(0, 1000) : ''
  const isShort = JSON.stringify(attributes).length <= maxBodyLength
  return { kind, subject: agent, body: { atMs, severity, text, attributes: isShort ? attributes : pathOnly(attributes) } }
}

/** Which path it was, and what the agent makes of it: what is left of an event that is too long. */
const pathNames = [
  ...[
    'causeway.check',
    'causeway.kind',
    'causeway.target',
    'causeway.outcome',
    'error.type',
    'server.address',
    'server.port',
    'network.type',
  ],
  ...['causeway.source.cloud', 'causeway.source.region', 'causeway.destination.cloud', 'causeway.destination.region'],
]
const pathOnly = (attributes: LogEvent['attributes']): LogEvent['attributes'] =>
  Object.fromEntries(
    Object.entries(attributes).filter(
      ([name]) => pathNames.includes(name) || (name.startsWith('causeway.cause') && !name.endsWith('.against')),
    ),
  )
