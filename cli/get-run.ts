/** `probe get run <id>`: what came of a run that somebody asked for, as far as it is. */
import { attemptLines, type CheckRun, wayLines } from './check-text.ts'
import type { Client } from './controller-client.ts'
import type { Io } from './io.ts'
import { styleOf } from './terminal.ts'
import { sayTrouble } from './with-client.ts'

/** Returns the exit code: what came of it is shown, not judged. */
export const showRun = async (client: Client, id: string, output: string, io: Io, stop: AbortSignal): Promise<number> => {
  const run = await client.ask<CheckRun>(`/v1/runs/${encodeURIComponent(id)}`, {}, stop)
  if (!run.ok) return sayTrouble('get', run, io)
  if (output === 'json') io.stdout.write(`${JSON.stringify(run.value, null, 2)}\n`)
  else if (output === 'ndjson') io.stdout.write(run.value.agents.map(attempt => `${JSON.stringify(attempt)}\n`).join(''))
  else {
    const style = styleOf(io.stdout, io.env)
    const lines = [...run.value.agents.flatMap(attempt => attemptLines(run.value, attempt, style)), ...wayLines(run.value, style)]
    io.stdout.write(style.fit(`${lines.join('\n')}\n`))
  }
  return 0
}
