/** The agents that have enrolled. */
import type { Location } from '../fleet/select.ts'
import type { Advertised } from '../plan/live-agent.ts'
import { first, fromJson, type Row, type Sql } from './sql.ts'

export const proofKinds = ['kubernetes', 'spiffe', 'join'] as const
/** How it proved who it is. `instance`: what tells two that prove the same identity apart (a pod's UID, a certificate's fingerprint). Nothing secret. */
export type ProofRecord = { kind: (typeof proofKinds)[number]; issuer: string; subject: string; instance?: string }

export const agentStatuses = ['live', 'draining', 'retired'] as const
/** What it or the controller has said of it. Whether it is late or lost follows from `lastSeenMs`. */
export type AgentStatus = (typeof agentStatuses)[number]

/** A decision that somebody made. */
export type Mark = { author: string; reason: string; atMs: number }

/** `details`: what it says of itself and nothing is decided by (version, boot, SPIFFE ID of its responder). */
export type StoredAgent = {
  id: string
  location: Location
  labels: Readonly<Record<string, string>>
  advertise: readonly Advertised[]
  details: Readonly<Record<string, unknown>>
  proof: ProofRecord
  status: AgentStatus
  enrolledMs: number
  lastSeenMs: number
  cordoned?: Mark
  banned?: Mark
}
export type EnrolledAgent = Omit<StoredAgent, 'status' | 'enrolledMs' | 'lastSeenMs' | 'cordoned' | 'banned'>

const columns = 'id, location, labels, advertise, details, proof, status, enrolled_ms, last_seen_ms, cordoned, banned'

const read = (row: Row): StoredAgent => ({
  id: String(row['id']),
  location: fromJson(row['location']),
  labels: fromJson(row['labels']),
  advertise: fromJson(row['advertise']),
  details: fromJson(row['details']),
  proof: fromJson(row['proof']),
  status: row['status'] as AgentStatus,
  enrolledMs: Number(row['enrolled_ms']),
  lastSeenMs: Number(row['last_seen_ms']),
  ...(row['cordoned'] === null ? {} : { cordoned: fromJson<Mark>(row['cordoned']) }),
  ...(row['banned'] === null ? {} : { banned: fromJson<Mark>(row['banned']) }),
})

/** `lock`: nobody else changes it before this transaction ends. */
export const getAgent = async (sql: Sql, id: string, lock = false): Promise<StoredAgent | undefined> => {
  const row = await first(sql, `SELECT ${columns} FROM agents WHERE id = $1${lock ? sql.dialect.forUpdate : ''}`, id)
  return row && read(row)
}

/** By id. `after`: the last id of the page before. */
export const listAgents = async (sql: Sql, after = '', limit = 100_000): Promise<StoredAgent[]> =>
  (await sql.all(`SELECT ${columns} FROM agents WHERE id > $1 ORDER BY id LIMIT $2`, after, limit)).map(read)

/** New, or anew under the same id: what people decided of it (cordon, ban) stays. */
export const putAgent = async (sql: Sql, agent: EnrolledAgent, nowMs: number): Promise<void> => {
  const { id, location, labels, advertise, details, proof } = agent
  const texts = [location, labels, advertise, details, proof].map(value => JSON.stringify(value))
  await sql.run(
    `INSERT INTO agents (id, location, labels, advertise, details, proof, status, enrolled_ms, last_seen_ms) VALUES ($1, $2, $3, $4, $5, $6, 'live', $7, $7)
      ON CONFLICT (id) DO UPDATE SET location = excluded.location, labels = excluded.labels, advertise = excluded.advertise, details = excluded.details,
        proof = excluded.proof, status = 'live', enrolled_ms = excluded.enrolled_ms, last_seen_ms = excluded.last_seen_ms`,
    id,
    ...texts,
    nowMs,
  )
}

/** What it says of itself, after a reload. False: there is none of this id. */
export const describeAgent = async (
  sql: Sql,
  id: string,
  { labels, advertise, details }: Pick<StoredAgent, 'labels' | 'advertise' | 'details'>,
): Promise<boolean> => {
  const texts = [labels, advertise, details].map(value => JSON.stringify(value))
  return (await sql.run('UPDATE agents SET labels = $2, advertise = $3, details = $4 WHERE id = $1', id, ...texts)) > 0
}

/** Never backwards. */
export const touchAgent = async (sql: Sql, id: string, seenMs: number): Promise<void> => {
  await sql.run('UPDATE agents SET last_seen_ms = $2 WHERE id = $1 AND last_seen_ms < $2', id, seenMs)
}

export const setAgentStatus = async (sql: Sql, id: string, status: AgentStatus): Promise<boolean> =>
  (await sql.run('UPDATE agents SET status = $2 WHERE id = $1', id, status)) > 0

/** Undefined takes the mark away. False: there is none of this id. */
export const markAgent = async (sql: Sql, id: string, what: 'cordoned' | 'banned', mark: Mark | undefined): Promise<boolean> =>
  (await sql.run(`UPDATE agents SET ${what} = $2 WHERE id = $1`, id, mark ? JSON.stringify(mark) : null)) > 0
