/** `GET /v1/agents`, `/v1/agents/{id}`, and what people decide of one: `…/ban`, `…/cordon`. Ids have slashes, which are written %2F here. */
import type { FastifyInstance } from 'fastify'
import {
  type AgentAnswer,
  type AgentQuery,
  agentPageSchema,
  agentQuerySchema,
  agentSchema,
  type Decision,
  decisionSchema,
} from '../../../wire/api/agents.ts'
import type { Page } from '../../../wire/api/page.ts'
import { banAgent, unbanAgent } from '../../enrol/caller.ts'
import { cordonAgent, uncordonAgent } from '../../enrol/cordon.ts'
import { getAgent, listAgents, type Mark } from '../../store/agents.ts'
import type { Sql } from '../../store/sql.ts'
import { authorOf } from '../access.ts'
import { agentAnswer, isAsked } from '../agent-answer.ts'
import type { Parts } from '../parts.ts'
import { found, HttpProblem } from '../problem.ts'

const tags = ['people']
const paramsSchema = { type: 'object', required: ['id'], properties: { id: { type: 'string', minLength: 1, maxLength: 512 } } } as const
type Params = { id: string }

export const agentRoutes = (app: FastifyInstance, parts: Parts): void => {
  const { store, nowMs } = parts
  app.get<{ Querystring: AgentQuery }>(
    '/v1/agents',
    {
      config: { access: 'viewer' },
      schema: {
        summary: 'agents that have enrolled, by id',
        tags,
        querystring: agentQuerySchema,
        response: { 200: agentPageSchema },
      },
    },
    async ({ query }) => await store.read(sql => pageOfAgents(sql, query, nowMs())),
  )
  app.get<{ Params: Params }>(
    '/v1/agents/:id',
    { config: { access: 'viewer' }, schema: { summary: 'one agent', tags, params: paramsSchema, response: { 200: agentSchema } } },
    async ({ params: { id } }) => agentAnswer(found(await store.read(sql => getAgent(sql, id)), `agent ${id}`), nowMs()),
  )
  addDecision(app, parts, 'ban', { decide: banAgent, lift: unbanAgent, summary: 'keeps an agent out and ends its credentials' })
  addDecision(app, parts, 'cordon', { decide: cordonAgent, lift: uncordonAgent, summary: 'takes an agent out of the plan' })
}

type Deciding = {
  decide: (sql: Sql, id: string, mark: Mark) => Promise<boolean>
  lift: (sql: Sql, id: string, author: string) => Promise<boolean>
  summary: string
}

const addDecision = (app: FastifyInstance, { store, nowMs }: Parts, word: string, { decide, lift, summary }: Deciding): void => {
  const act = async ({ id }: Params, author: string, reason: string | undefined): Promise<AgentAnswer> =>
    await store.write(async sql => {
      const done = reason === undefined ? await lift(sql, id, author) : await decide(sql, id, { author, reason, atMs: nowMs() })
      return agentAnswer(found(done ? await getAgent(sql, id) : undefined, `agent ${id}`), nowMs())
    })
  const answers = { tags, params: paramsSchema, response: { 200: agentSchema } }
  app.post<{ Params: Params; Body: Decision }>(
    `/v1/agents/:id/${word}`,
    { config: { access: 'operator' }, schema: { summary, ...answers, body: decisionSchema } },
    async request => await act(request.params, authorOf(request), reasonOf(request.body)),
  )
  app.delete<{ Params: Params }>(
    `/v1/agents/:id/${word}`,
    { config: { access: 'operator' }, schema: { summary: `takes the ${word} back`, ...answers } },
    async request => await act(request.params, authorOf(request), undefined),
  )
}

/** Undefined: lifted. */
const reasonOf = ({ reason, lifted }: Decision): string | undefined => {
  if (reason === undefined && !lifted) throw new HttpProblem(400, 'the body: want a reason, or lifted: true')
  if (reason !== undefined && lifted) throw new HttpProblem(400, 'the body: a reason and lifted: true, want one of both')
  return reason
}

const pageSize = 1000

/** Read page by page until there are enough that were asked for. */
const pageOfAgents = async (sql: Sql, query: AgentQuery, nowMs: number): Promise<Page<AgentAnswer>> => {
  const items: AgentAnswer[] = []
  let after = query.after ?? ''
  for (;;) {
    const agents = await listAgents(sql, after, pageSize)
    for (const agent of agents) {
      const answer = agentAnswer(agent, nowMs)
      if (!isAsked(answer, query)) continue
      // One more than asked for: there is a next page.
      if (items.length === query.limit) return { items, next: items.at(-1)!.id }
      items.push(answer)
    }
    if (agents.length < pageSize) return { items, next: null }
    after = agents.at(-1)!.id
  }
}
