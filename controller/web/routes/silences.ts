/** `/v1/silences`, `/v1/maintenance`, `/v1/changes`: what people decided about alerts. All of it has an author and a reason; silences and maintenance an end. */
import type { FastifyInstance } from 'fastify'
import {
  type ChangeRequest,
  changeRequestSchema,
  type DecisionQuery,
  decisionAnswerSchema,
  decisionPageSchema,
  decisionQuerySchema,
  type SilenceRequest,
  silenceRequestSchema,
} from '../../../wire/api/incidents.ts'
import { addDecision, type Decision, type DecisionKind, endDecision, getDecision, listDecisions, type Match } from '../../store/silences.ts'
import { authorOf } from '../access.ts'
import { decisionAnswer } from '../incident-answer.ts'
import { pageOfList } from '../pages.ts'
import type { Parts } from '../parts.ts'
import { found, HttpProblem } from '../problem.ts'
import { spanMs } from '../spans.ts'

const tags = ['alerts']
const paramsSchema = { type: 'object', required: ['id'], properties: { id: { type: 'string', minLength: 1, maxLength: 128 } } } as const
type Params = { id: string }
/** Longer than this nobody remembers why. */
const longestMs = 90 * 86_400_000
const changesShown = '30d'

export const silenceRoutes = (app: FastifyInstance, parts: Parts): void => {
  addEnding(app, parts, 'silences', 'silence', 'nobody is told of the incidents that it fits')
  addEnding(app, parts, 'maintenance', 'maintenance', 'nothing that it fits is judged')
  addChanges(app, parts)
}

const addEnding = (app: FastifyInstance, parts: Parts, path: string, kind: 'silence' | 'maintenance', what: string): void => {
  const { store, nowMs } = parts
  addList(app, parts, path, [kind])
  app.post<{ Body: SilenceRequest }>(
    `/v1/${path}`,
    {
      config: { access: 'operator' },
      schema: { summary: what, tags, body: silenceRequestSchema, response: { 201: decisionAnswerSchema } },
    },
    async (request, reply) => {
      const { reason, match } = request.body
      if (Object.keys(match).length === 0)
        throw new HttpProblem(400, `the body: match: empty, and so this ${kind} would fit everything: say what it is about`)
      const times = timesOf(request.body, kind, nowMs())
      const made = await store.write(sql =>
        addDecision(sql, { kind, author: authorOf(request), reason, match: match as Match, ...times, createdMs: nowMs() }),
      )
      return reply.code(201).send(decisionAnswer(made, nowMs()))
    },
  )
  app.delete<{ Params: Params }>(
    `/v1/${path}/:id`,
    {
      config: { access: 'operator' },
      schema: { summary: `ends the ${kind} now`, tags, params: paramsSchema, response: { 200: decisionAnswerSchema } },
    },
    async request => {
      const { id } = request.params
      return await store.write(async sql => {
        const known = found(await getDecision(sql, kind, id), `${kind} ${id}`)
        await endDecision(sql, { id, kind, author: authorOf(request), nowMs: nowMs() })
        return decisionAnswer((await getDecision(sql, kind, id)) ?? known, nowMs())
      })
    },
  )
}

const addChanges = (app: FastifyInstance, parts: Parts): void => {
  const { store, nowMs } = parts
  addList(app, parts, 'changes', ['change', 'baseline'], changesShown)
  app.post<{ Body: ChangeRequest }>(
    '/v1/changes',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'notes what was changed, for whoever is paged next; with acceptBaseline what is measured from then on is usual',
        tags,
        body: changeRequestSchema,
        response: { 201: decisionAnswerSchema },
      },
    },
    async (request, reply) => {
      const { reason, match, start, acceptBaseline } = request.body
      const startMs = start === undefined ? nowMs() : timeOf('start', start)
      const made = await store.write(sql =>
        addDecision(sql, {
          kind: acceptBaseline ? 'baseline' : 'change',
          author: authorOf(request),
          reason,
          match: match as Match,
          startMs,
          endMs: null,
          createdMs: nowMs(),
        }),
      )
      return reply.code(201).send(decisionAnswer(made, nowMs()))
    },
  )
  app.delete<{ Params: Params }>(
    '/v1/changes/:id',
    {
      config: { access: 'operator' },
      schema: { summary: 'takes the note back', tags, params: paramsSchema, response: { 200: decisionAnswerSchema } },
    },
    async request => {
      const { id } = request.params
      return await store.write(async sql => {
        const known = found((await getDecision(sql, 'change', id)) ?? (await getDecision(sql, 'baseline', id)), `change ${id}`)
        await endDecision(sql, { id, kind: known.kind, author: authorOf(request), nowMs: nowMs() })
        return decisionAnswer((await getDecision(sql, known.kind, id)) ?? known, nowMs())
      })
    },
  )
}

const addList = (app: FastifyInstance, { store, nowMs }: Parts, path: string, kinds: readonly DecisionKind[], usual = '0s'): void => {
  app.get<{ Querystring: DecisionQuery }>(
    `/v1/${path}`,
    {
      config: { access: 'viewer' },
      schema: { summary: `${path} that there are`, tags, querystring: decisionQuerySchema, response: { 200: decisionPageSchema } },
    },
    async ({ query }) => {
      const all = await store.read(sql => listDecisions(sql, kinds, nowMs() - spanMs(query.window ?? usual)))
      const keyOf = ({ startMs, id }: Decision): string => `${String(Number.MAX_SAFE_INTEGER - startMs).padStart(16, '0')} ${id}`
      const { items, next } = pageOfList(all, keyOf, query)
      return { items: items.map(one => decisionAnswer(one, nowMs())), next }
    },
  )
}

const timeOf = (name: string, text: string): number => {
  const ms = Date.parse(text)
  if (Number.isNaN(ms)) throw new HttpProblem(400, `the body: ${name}: got ${JSON.stringify(text)}, want a time like 2026-11-22T20:00:00Z`)
  return ms
}

const timesOf = ({ start, end, for: span }: SilenceRequest, kind: string, nowMs: number): { startMs: number; endMs: number } => {
  if (end === undefined && span === undefined)
    throw new HttpProblem(400, `the body: a ${kind} without an end hides what it was not made for: want end, a time, or for, how long (2h)`)
  if (end !== undefined && span !== undefined) throw new HttpProblem(400, 'the body: end and for: want one of both')
  const startMs = start === undefined ? nowMs : timeOf('start', start)
  const endMs = end === undefined ? startMs + spanMs(span!) : timeOf('end', end)
  if (endMs <= startMs) throw new HttpProblem(400, 'the body: it ends before it begins')
  if (endMs <= nowMs) throw new HttpProblem(400, 'the body: it is over already')
  if (endMs - startMs > longestMs) throw new HttpProblem(400, 'the body: longer than 90 days: nobody will remember why')
  return { startMs, endMs }
}
