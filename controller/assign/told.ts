import type { Acknowledgement } from '../../wire/api/assignments.ts'
import { leaveAgent, returnAgent } from '../store/agents.ts'
import { addEvent } from '../store/events.ts'
import type { Sql } from '../store/sql.ts'
import { getStanding, putTold } from '../store/standings.ts'

/** Shown in the event; all of them are kept. */
const maxShown = 20

/** What an agent says of its assignment. A refusal is an event, once. A goodbye says nothing of the assignment. */
export const writeTold = async (
  sql: Sql,
  agentId: string,
  { revision, generation, outcome, problems, paths }: Acknowledgement,
  nowMs: number,
): Promise<void> => {
  if (outcome === 'leaving') return leaveAgent(sql, agentId)
  await returnAgent(sql, agentId)
  const before = (await getStanding(sql, agentId))?.told
  const isNews = before?.revision !== revision || before.outcome !== outcome
  await putTold(sql, agentId, { revision, generation, outcome, problems, ...(paths !== undefined && { paths }), atMs: nowMs })
  if (outcome === 'refused' && isNews)
    await addEvent(sql, {
      kind: 'assignment_refused',
      subject: agentId,
      body: { revision, generation, problems: problems.slice(0, maxShown) },
    })
}
