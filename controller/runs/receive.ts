/** What an agent sends of its part of a run. */
import type { ResultsMessage } from '../../wire/api/assignments.ts'
import type { WatchPart } from '../../wire/api/watches.ts'
import { addEvent } from '../store/events.ts'
import { lockPart, putPartResults } from '../store/runs.ts'
import type { Sql } from '../store/sql.ts'
import { addWatchPart, watchOf } from './watch.ts'

export const maxResults = 1000
export const maxResultBytes = 2 ** 20

export type Received = 'taken' | 'unknown' | 'over' | 'too_much'

/** A part is its agent's alone: of another's it is told no more than of one that there is not. What comes again after the end changes nothing. */
export const receiveResults = async (
  sql: Sql,
  partId: string,
  agentId: string,
  message: ResultsMessage,
  nowMs: number,
): Promise<Received> => {
  const part = await lockPart(sql, partId)
  if (part?.agentId !== agentId) return 'unknown'
  if (part.doneMs !== undefined) return 'taken'
  if (part.expiresMs <= nowMs) return 'over'
  const isDone = message.done !== false
  const watched = watchOf(part.message) && (message.watch as WatchPart | undefined)
  const results = watched ? addWatchPart(part.results, watched) : [...part.results, ...message.results]
  const problems = [...part.problems, ...(message.problems ?? [])]
  const size = Buffer.byteLength(JSON.stringify(results)) + Buffer.byteLength(JSON.stringify(problems))
  if (results.length > maxResults || problems.length > maxResults || size > maxResultBytes) return 'too_much'
  await putPartResults(sql, { ...part, results, problems, ...(isDone && { doneMs: nowMs }) })
  await addEvent(sql, { kind: 'run_results', subject: part.runId, body: { agent: agentId, results: results.length, done: isDone } })
  return 'taken'
}
