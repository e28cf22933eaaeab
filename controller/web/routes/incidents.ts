/** `GET /v1/incidents`, `/v1/incidents/{id}`, `POST …/ack`: what is wrong, and who looks after it. */
import type { FastifyInstance } from 'fastify'
import {
  type AckRequest,
  ackSchema,
  type IncidentAnswer,
  type IncidentQuery,
  incidentPageSchema,
  incidentQuerySchema,
  incidentSchema,
} from '../../../wire/api/incidents.ts'
import type { Incident } from '../../alert/incident.ts'
import { ackIncident, getIncident, listIncidents, type StoredIncident } from '../../store/incidents.ts'
import { incidentAnswer, incidentHead } from '../incident-answer.ts'
import { pageOfList } from '../pages.ts'
import type { Parts } from '../parts.ts'
import { found, HttpProblem } from '../problem.ts'
import { spanMs } from '../spans.ts'

const tags = ['alerts']
const paramsSchema = { type: 'object', required: ['id'], properties: { id: { type: 'string', minLength: 1, maxLength: 128 } } } as const
type Params = { id: string }
/** More are found by asking for a shorter time. */
const mostIncidents = 10_000
const usualWindow = '7d'

export const incidentRoutes = (app: FastifyInstance, { store, fleet, nowMs }: Parts): void => {
  const answerOf = async (id: string): Promise<IncidentAnswer> => {
    const stored = await store.read(sql => getIncident<Incident>(sql, id))
    return incidentAnswer(found(stored?.state === 'forming' ? undefined : stored, `incident ${id}`), (await fleet.refresh()).merged)
  }
  app.get<{ Querystring: IncidentQuery }>(
    '/v1/incidents',
    {
      config: { access: 'viewer' },
      schema: { summary: 'what is wrong, newest first', tags, querystring: incidentQuerySchema, response: { 200: incidentPageSchema } },
    },
    async ({ query }) => {
      const sinceMs = nowMs() - spanMs(query.window ?? usualWindow)
      const all = await store.read(sql => listIncidents<Incident>(sql, { sinceMs, limit: mostIncidents }))
      const asked = all.filter(one => isAsked(one, query))
      // Newest first: keys that sort so.
      const keyOf = ({ formedMs, id }: StoredIncident<Incident>): string =>
        `${String(Number.MAX_SAFE_INTEGER - formedMs).padStart(16, '0')} ${id}`
      const { items, next } = pageOfList(asked, keyOf, query)
      return { items: items.map(incidentHead), next }
    },
  )
  app.get<{ Params: Params }>(
    '/v1/incidents/:id',
    {
      config: { access: 'viewer' },
      schema: { summary: 'one incident, with its evidence and its history', tags, params: paramsSchema, response: { 200: incidentSchema } },
    },
    async ({ params: { id } }) => await answerOf(id),
  )
  app.post<{ Params: Params; Body: AckRequest }>(
    '/v1/incidents/:id/ack',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'says that somebody looks after it',
        tags,
        params: paramsSchema,
        body: ackSchema,
        response: { 200: incidentSchema },
      },
    },
    async request => {
      const { id } = request.params
      const { note } = request.body
      const ack = { author: request.person!.name, atMs: nowMs(), ...(note !== undefined && { note }) }
      const done = await store.write(sql => ackIncident(sql, id, ack))
      const answer = await answerOf(id)
      if (!done) throw new HttpProblem(409, `the incident ${id} has ended: there is nothing to look after`)
      return answer
    },
  )
}

const isAsked = ({ body }: StoredIncident<Incident>, { state = 'open', severity, cause, place }: IncidentQuery): boolean =>
  (body.state === 'ended' ? 'ended' : 'open') === state &&
  (severity === undefined || body.severity === severity) &&
  (cause === undefined || (body.cause ?? body.what) === cause) &&
  (place === undefined || [...body.from, ...body.to, body.placeText].some(one => one === place || one.startsWith(`${place}/`)))
