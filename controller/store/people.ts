/** People's tokens, by hash, and the roles of those who come with an identity from elsewhere. */
import { first, type Sql } from './sql.ts'

/** Each may do what those before it may. */
export const roles = ['viewer', 'operator', 'admin'] as const
export type Role = (typeof roles)[number]

export type PersonToken = { hash: string; name: string; role: Role; author: string; createdMs: number; expiresMs?: number }

export const addPersonToken = async (sql: Sql, { hash, name, role, author, createdMs, expiresMs }: PersonToken): Promise<void> => {
  await sql.run(
    'INSERT INTO person_tokens (hash, name, role, author, created_ms, expires_ms) VALUES ($1, $2, $3, $4, $5, $6)',
    hash,
    name,
    role,
    author,
    createdMs,
    expiresMs ?? null,
  )
}

/** Whose it is, if it is good now. */
export const findPersonToken = async (sql: Sql, hash: string, nowMs: number): Promise<{ name: string; role: Role } | undefined> => {
  const row = await first(
    sql,
    'SELECT name, role FROM person_tokens WHERE hash = $1 AND revoked_ms IS NULL AND (expires_ms IS NULL OR expires_ms > $2)',
    hash,
    nowMs,
  )
  return row && { name: String(row['name']), role: row['role'] as Role }
}

/** All of a name. How many there were that were still good. */
export const revokePersonTokens = (sql: Sql, name: string, nowMs: number): Promise<number> =>
  sql.run('UPDATE person_tokens SET revoked_ms = $2 WHERE name = $1 AND revoked_ms IS NULL', name, nowMs)

export type RoleGrant = { principal: string; role: Role; author: string; atMs: number }

/** `principal`: `issuer#subject`. Undefined takes the role away. */
export const grantRole = async (sql: Sql, principal: string, role: Role | undefined, author: string, nowMs: number): Promise<void> => {
  if (!role) await sql.run('DELETE FROM role_grants WHERE principal = $1', principal)
  else
    await sql.run(
      `INSERT INTO role_grants (principal, role, author, at_ms) VALUES ($1, $2, $3, $4)
        ON CONFLICT (principal) DO UPDATE SET role = excluded.role, author = excluded.author, at_ms = excluded.at_ms`,
      principal,
      role,
      author,
      nowMs,
    )
}

export const grantedRole = async (sql: Sql, principal: string): Promise<Role | undefined> =>
  (await first(sql, 'SELECT role FROM role_grants WHERE principal = $1', principal))?.['role'] as Role | undefined

export const listGrants = async (sql: Sql): Promise<RoleGrant[]> =>
  (await sql.all('SELECT principal, role, author, at_ms FROM role_grants ORDER BY principal')).map(row => ({
    principal: String(row['principal']),
    role: row['role'] as Role,
    author: String(row['author']),
    atMs: Number(row['at_ms']),
  }))
