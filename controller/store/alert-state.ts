/** What the evaluation of alerts must not forget: small texts by scope (an agent, all links, …), written in the transaction of what follows from them. */
import type { Sql } from './sql.ts'

export const readAlertState = async (sql: Sql): Promise<Map<string, string>> =>
  new Map((await sql.all('SELECT scope, body FROM alert_state ORDER BY scope')).map(({ scope, body }) => [String(scope), String(body)]))

/** An empty body: there is nothing to remember. */
export const putAlertState = async (sql: Sql, scope: string, body: string, nowMs: number): Promise<void> => {
  if (body === '') await sql.run('DELETE FROM alert_state WHERE scope = $1', scope)
  else
    await sql.run(
      'INSERT INTO alert_state (scope, body, at_ms) VALUES ($1, $2, $3) ON CONFLICT (scope) DO UPDATE SET body = excluded.body, at_ms = excluded.at_ms',
      scope,
      body,
      nowMs,
    )
}
