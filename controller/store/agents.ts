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
        proof = excluded.proof, status = 'live', enrolled_ms = excluded.enrolled_ms, last_seen_ms = excluded.last_seen_ms,
        plan_version = agents.plan_version + 1`,
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
  const text = `UPDATE agents SET labels = $2, advertise = $3, details = $4,
      plan_version = plan_version + CASE WHEN labels = $2 AND advertise = $3 AND details = $4 THEN 0 ELSE 1 END WHERE id = $1`
  return (await sql.run(text, id, ...texts)) > 0
}

/** Never backwards. Who had retired is live again. */
export const touchAgent = async (sql: Sql, id: string, seenMs: number): Promise<void> => {
  await sql.run(
    `UPDATE agents SET last_seen_ms = $2, status = CASE WHEN status = 'retired' THEN 'live' ELSE status END,
      plan_version = plan_version + CASE WHEN status = 'retired' THEN 1 ELSE 0 END WHERE id = $1 AND last_seen_ms < $2`,
    id,
    seenMs,
  )
}

/** It has said goodbye: nothing is asked of it, and nobody is sent to it. */
export const leaveAgent = async (sql: Sql, id: string): Promise<void> => {
  await sql.run("UPDATE agents SET status = 'draining', plan_version = plan_version + 1 WHERE id = $1 AND status = 'live'", id)
}

/** It listens, or runs something: whatever it said before, it is back. */
export const returnAgent = async (sql: Sql, id: string): Promise<void> => {
  await sql.run("UPDATE agents SET status = 'live', plan_version = plan_version + 1 WHERE id = $1 AND status = 'draining'", id)
}

/** Those that have not been seen since then are retired; who they were. */
export const retireAgents = async (sql: Sql, sinceMs: number): Promise<string[]> => {
  const text = `UPDATE agents SET status = 'retired', plan_version = plan_version + 1 WHERE status <> 'retired' AND last_seen_ms <= $1 RETURNING id`
  return (await sql.all(text, sinceMs)).map(({ id }) => String(id)).sort((a, b) => (a < b ? -1 : 1))
}

/** Another whenever anything has changed by which agents are planned, cheap to ask. */
export const agentsVersion = async (sql: Sql): Promise<string> => {
  const row = await first(sql, 'SELECT COUNT(*) AS agents, CAST(COALESCE(SUM(plan_version), 0) AS BIGINT) AS version FROM agents')
  return `${row?.['agents']}/${row?.['version']}`
}

/** Undefined takes the mark away. False: there is none of this id. */
export const markAgent = async (sql: Sql, id: string, what: 'cordoned' | 'banned', mark: Mark | undefined): Promise<boolean> =>
  (await sql.run(`UPDATE agents SET ${what} = $2, plan_version = plan_version + 1 WHERE id = $1`, id, mark ? JSON.stringify(mark) : null)) >
  0

/** What agents are planned by, as it is kept: texts, so that reading ten thousand of them takes the thread no time that is worth a word. */
export type PlannableRow = {
  id: string
  location: string
  labels: string
  advertise: string
  details: string
  status: AgentStatus
  isCordoned: boolean
}

/** All that take part in the fleet: neither banned nor retired. */
export const listPlannable = async (sql: Sql): Promise<PlannableRow[]> => {
  const rows = await sql.all(
    `SELECT id, location, labels, advertise, details, status, cordoned IS NOT NULL AS is_cordoned FROM agents
      WHERE banned IS NULL AND status <> 'retired' ORDER BY id`,
  )
  return rows.map(({ id, location, labels, advertise, details, status, is_cordoned }) => ({
    id: String(id),
    location: String(location),
    labels: String(labels),
    advertise: String(advertise),
    details: String(details),
    status: status as AgentStatus,
    isCordoned: Boolean(is_cordoned),
  }))
}

export type Seen = { id: string; status: AgentStatus; lastSeenMs: number; isBanned: boolean }

/** Of all agents, by id. */
export const listSeen = async (sql: Sql): Promise<Seen[]> => {
  const rows = await sql.all('SELECT id, status, last_seen_ms, banned IS NOT NULL AS is_banned FROM agents ORDER BY id')
  return rows.map(({ id, status, last_seen_ms, is_banned }) => ({
    id: String(id),
    status: status as AgentStatus,
    lastSeenMs: Number(last_seen_ms),
    isBanned: Boolean(is_banned),
  }))
}
