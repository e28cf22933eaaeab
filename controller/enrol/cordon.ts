/** Taking an agent out of the plan without keeping it out of the fleet: for a node that is being worked on. */
import { type Mark, markAgent } from '../store/agents.ts'
import { addEvent } from '../store/events.ts'
import type { Sql } from '../store/sql.ts'

/** False: there is none of this id. */
export const cordonAgent = async (sql: Sql, agentId: string, mark: Mark): Promise<boolean> => {
  if (!(await markAgent(sql, agentId, 'cordoned', mark))) return false
  await addEvent(sql, { kind: 'agent_cordoned', subject: agentId, body: { ...mark } })
  return true
}

export const uncordonAgent = async (sql: Sql, agentId: string, author: string): Promise<boolean> => {
  if (!(await markAgent(sql, agentId, 'cordoned', undefined))) return false
  await addEvent(sql, { kind: 'agent_uncordoned', subject: agentId, body: { author } })
  return true
}
