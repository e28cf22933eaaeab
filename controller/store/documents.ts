/** The fleet's documents: one per owner, every generation of it kept. The generation is the whole fleet's: it grows with each document that is stored. */
import type { Fleet } from '../../wire/fleet.ts'
import { addEvent } from './events.ts'
import { first, fromJson, type Sql } from './sql.ts'

export type StoredGeneration = { owner: string; generation: number; author: string; atMs: number }
export type StoredDocument = StoredGeneration & { document: Fleet }

type DocumentRow = { owner: string; generation: number; body: string; author: string; at_ms: number }
const read = ({ body, at_ms, ...rest }: DocumentRow): StoredDocument => ({ ...rest, document: fromJson(body), atMs: at_ms })

export type PutDocument = {
  document: Fleet
  author: string
  nowMs: number
  /** The fleet's generation that the document was planned against: another since then is a conflict. */
  expected?: number
}
export type PutResult = { ok: true; generation: number } | { ok: false /** What it is now. */; generation: number }

/** Generations of all owners count up together, one writer at a time. */
export const putDocument = async (sql: Sql, { document, author, nowMs, expected }: PutDocument): Promise<PutResult> => {
  await sql.run("INSERT INTO counters (name, value) VALUES ('fleet', 0) ON CONFLICT (name) DO NOTHING")
  const held = await first(sql, `SELECT value FROM counters WHERE name = 'fleet'${sql.dialect.forUpdate}`)
  const current = Number(held?.['value'])
  if (expected !== undefined && expected !== current) return { ok: false, generation: current }
  const generation = current + 1
  await sql.run("UPDATE counters SET value = $1 WHERE name = 'fleet'", generation)
  const { owner } = document
  const body = JSON.stringify(document)
  await sql.run(
    'INSERT INTO documents (owner, generation, body, author, at_ms) VALUES ($1, $2, $3, $4, $5)',
    owner,
    generation,
    body,
    author,
    nowMs,
  )
  await addEvent(sql, { kind: 'fleet_applied', subject: owner, body: { generation, author } })
  return { ok: true, generation }
}

/** 0 before the first document. */
export const fleetGeneration = async (sql: Sql): Promise<number> =>
  Number((await first(sql, "SELECT value FROM counters WHERE name = 'fleet'"))?.['value'] ?? 0)

/** The newest of each owner, or what it was as of a generation. */
export const currentDocuments = async (sql: Sql, asOf = Number.MAX_SAFE_INTEGER): Promise<StoredDocument[]> => {
  const rows = await sql.all<DocumentRow>(
    `SELECT d.owner, d.generation, d.body, d.author, d.at_ms FROM documents d
      WHERE d.generation = (SELECT MAX(e.generation) FROM documents e WHERE e.owner = d.owner AND e.generation <= $1) ORDER BY d.owner`,
    asOf,
  )
  return rows.map(read)
}

/** As `currentDocuments`, with each owner's newest of those that were not refused. */
export const soundDocuments = async (sql: Sql, asOf: number, refused: readonly number[]): Promise<StoredDocument[]> => {
  const documents = await currentDocuments(sql, asOf)
  const sound = documents.map(async document => {
    if (!refused.includes(document.generation)) return [document]
    const former = await documentHistory(sql, document.owner, historyLength)
    return former.filter(({ generation }) => generation <= asOf && !refused.includes(generation)).slice(0, 1)
  })
  return (await Promise.all(sound)).flat()
}

/** Generations of one owner that are looked through for one that was not refused. */
const historyLength = 100

/** Newest first. */
export const documentHistory = async (sql: Sql, owner: string, limit: number): Promise<StoredDocument[]> => {
  const rows = await sql.all<DocumentRow>(
    'SELECT owner, generation, body, author, at_ms FROM documents WHERE owner = $1 ORDER BY generation DESC LIMIT $2',
    owner,
    limit,
  )
  return rows.map(read)
}

/** Which owner's document each generation was, without the documents: newest first, from below `before`. */
export const listGenerations = async (
  sql: Sql,
  { before, limit, owner }: { before: number; limit: number; owner?: string },
): Promise<StoredGeneration[]> => {
  const columns = 'owner, generation, author, at_ms'
  const rows =
    owner === undefined
      ? await sql.all(`SELECT ${columns} FROM documents WHERE generation < $1 ORDER BY generation DESC LIMIT $2`, before, limit)
      : await sql.all(
          `SELECT ${columns} FROM documents WHERE generation < $1 AND owner = $3 ORDER BY generation DESC LIMIT $2`,
          before,
          limit,
          owner,
        )
  return rows.map(row => ({
    owner: String(row['owner']),
    generation: Number(row['generation']),
    author: String(row['author']),
    atMs: Number(row['at_ms']),
  }))
}
