/** Which paths an agent had in the last 27 hours: what it measured while they were its own is taken as long as it can still come (received.ts). */
import { receivedForMs } from './received.ts'
import { first, fromJson, type Row, type Sql } from './sql.ts'

/** Paths are named by check and target; a check's are together. */
export type AssignedPaths = readonly { readonly check: string; readonly targets: readonly string[] }[]
/** Those of one check: 0 for one that the agent has now, else when it was taken away. */
export type HeldPaths = Readonly<Record<string, Readonly<Record<string, number>>>>

/** What is held once an agent has these paths and no others. Pure. */
export const holdPaths = (held: HeldPaths, paths: AssignedPaths, atMs: number): HeldPaths => {
  const next = new Map<string, Map<string, number>>()
  const put = (check: string, target: string, endedMs: number): void => {
    const targets = next.get(check) ?? new Map<string, number>()
    next.set(check, targets.set(target, endedMs))
  }
  for (const [check, targets] of Object.entries(held))
    for (const [target, ended] of Object.entries(targets)) {
      const endedMs = ended === 0 ? atMs : ended
      if (endedMs > atMs - receivedForMs) put(check, target, endedMs)
    }
  for (const { check, targets } of paths) for (const target of targets) put(check, target, 0)
  return Object.fromEntries(Array.from(next, ([check, targets]) => [check, Object.fromEntries(targets)]))
}

export type AssignedRow = { readonly agentId: string; readonly paths: HeldPaths; readonly changedMs: number }

const read = (row: Row): AssignedRow => ({
  agentId: String(row['agent_id']),
  paths: fromJson(row['paths']),
  changedMs: Number(row['changed_ms']),
})

/** The paths that an agent has from now on; returns all that it may report. Written only when they are others than before. */
export const putAssigned = async (
  sql: Sql,
  { agentId, paths, atMs }: { agentId: string; paths: AssignedPaths; atMs: number },
): Promise<HeldPaths> => {
  await sql.run(
    `INSERT INTO assigned (agent_id, paths, changed_ms) VALUES ($1, '{}', ${sql.dialect.nowMs}) ON CONFLICT (agent_id) DO NOTHING`,
    agentId,
  )
  const row = await first(sql, `SELECT paths FROM assigned WHERE agent_id = $1${sql.dialect.forUpdate}`, agentId)
  const held = fromJson<HeldPaths>(row?.['paths'])
  const next = holdPaths(held, paths, atMs)
  if (isSame(held, paths)) return held
  await sql.run(`UPDATE assigned SET paths = $2, changed_ms = ${sql.dialect.nowMs} WHERE agent_id = $1`, agentId, JSON.stringify(next))
  return next
}

/** Whether exactly these are the paths that the agent has. */
const isSame = (held: HeldPaths, paths: AssignedPaths): boolean => {
  let now = 0
  for (const targets of Object.values(held)) for (const endedMs of Object.values(targets)) if (endedMs === 0) now++
  const wanted = new Set(paths.flatMap(({ check, targets }) => targets.map(target => `${check}\0${target}`)))
  return wanted.size === now && paths.every(({ check, targets }) => targets.every(target => held[check]?.[target] === 0))
}

/** Those that changed at or after a time of the database's clock. */
export const readAssigned = async (sql: Sql, changedMs = 0): Promise<AssignedRow[]> =>
  (await sql.all('SELECT agent_id, paths, changed_ms FROM assigned WHERE changed_ms >= $1 ORDER BY changed_ms', changedMs)).map(read)

/** Agents that have had no path for 27 hours. How many there were. */
export const dropAssigned = async (sql: Sql, nowMs: number): Promise<number> => {
  const rows = await sql.all('SELECT agent_id, paths, changed_ms FROM assigned WHERE changed_ms < $1', nowMs - receivedForMs)
  let dropped = 0
  for (const { agentId, paths, changedMs } of rows.map(read)) {
    if (Object.values(paths).some(targets => Object.values(targets).includes(0))) continue
    dropped += await sql.run('DELETE FROM assigned WHERE agent_id = $1 AND changed_ms = $2', agentId, changedMs)
  }
  return dropped
}
