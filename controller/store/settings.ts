/** Small state that has no table of its own, by name. */
import { first, fromJson, type Sql } from './sql.ts'

export const getSetting = async <T>(sql: Sql, name: string): Promise<T | undefined> => {
  const row = await first(sql, 'SELECT value FROM settings WHERE name = $1', name)
  return row && fromJson<T>(row['value'])
}

export const putSetting = async (sql: Sql, name: string, value: unknown, nowMs: number): Promise<void> => {
  const text = JSON.stringify(value)
  await sql.run(
    'INSERT INTO settings (name, value, at_ms) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE SET value = excluded.value, at_ms = excluded.at_ms',
    name,
    text,
    nowMs,
  )
}

/** The value that there is afterwards: the given one, unless another was first. So replicas that start at once agree. */
export const claimSetting = async <T>(sql: Sql, name: string, value: T, nowMs: number): Promise<T> => {
  const text = JSON.stringify(value)
  await sql.run('INSERT INTO settings (name, value, at_ms) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING', name, text, nowMs)
  return (await getSetting<T>(sql, name))!
}

/** Whether it was there. */
export const dropSetting = async (sql: Sql, name: string): Promise<boolean> =>
  (await sql.run('DELETE FROM settings WHERE name = $1', name)) > 0

/** Those whose name begins so, by name. */
export const listSettings = async <T>(sql: Sql, prefix: string): Promise<{ name: string; value: T }[]> => {
  const rows = await sql.all('SELECT name, value FROM settings WHERE SUBSTR(name, 1, LENGTH($1)) = $1 ORDER BY name', prefix)
  return rows.map(({ name, value }) => ({ name: String(name), value: fromJson<T>(value) }))
}
