/** Which state each agent is in, for the page of metrics; and by the leader, who retires and what is worth a line in the events. */
import { listSeen, retireAgents } from '../store/agents.ts'
import { addEvent } from '../store/events.ts'
import type { Sql } from '../store/sql.ts'
import type { Store } from '../store/store.ts'
import { type AgentState, agentStates, retiredMs, stateOf } from './agent-state.ts'

export type AgentCounts = { [S in AgentState]: number }

/** Named in an event, at most. */
const maxNamed = 100

/** `write` where this is the leader. Remembers the states of the last time: what the first time finds is no news. */
export const watchAgents = (store: Pick<Store, 'read'>): ((nowMs: number, write?: Write) => Promise<AgentCounts>) => {
  let last: ReadonlyMap<string, AgentState> | undefined
  return async (nowMs, write) => {
    const agents = await store.read(listSeen)
    const states = new Map(agents.map(agent => [agent.id, stateOf(agent, nowMs)]))
    const news = write && last ? changesOf(last, states) : []
    const areVanished = agents.some(({ status, lastSeenMs }) => status !== 'retired' && nowMs - lastSeenMs >= retiredMs)
    if (write && (news.length > 0 || areVanished))
      await write(async sql => {
        const retired = await retireAgents(sql, nowMs - retiredMs)
        for (const { kind, ids } of [...news, ...(retired.length > 0 ? [{ kind: 'agents_retired', ids: retired }] : [])])
          await addEvent(sql, {
            kind,
            subject: ids.length === 1 ? ids[0]! : 'fleet',
            body: { agents: ids.slice(0, maxNamed), count: ids.length },
          })
      })
    last = states
    const counts = Object.fromEntries(agentStates.map(state => [state, 0])) as AgentCounts
    for (const state of states.values()) counts[state]++
    return counts
  }
}

type Write = <T>(work: (sql: Sql) => Promise<T>) => Promise<T>

const changesOf = (before: ReadonlyMap<string, AgentState>, after: ReadonlyMap<string, AgentState>): { kind: string; ids: string[] }[] => {
  const turned = (is: (was: AgentState, now: AgentState) => boolean): string[] =>
    [...after].filter(([id, now]) => before.has(id) && before.get(id) !== now && is(before.get(id)!, now)).map(([id]) => id)
  return [
    { kind: 'agents_lost', ids: turned((_, now) => now === 'lost') },
    { kind: 'agents_returned', ids: turned((was, now) => (was === 'lost' || was === 'retired') && (now === 'live' || now === 'draining')) },
  ].filter(({ ids }) => ids.length > 0)
}
