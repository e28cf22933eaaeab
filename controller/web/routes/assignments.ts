/** `GET /v1/assignments`: what an agent is to do, now and whenever that changes; `POST /v1/assignments/ack`: what it says to that. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type Acknowledgement, acknowledgementSchema, assignmentMessageSchema, heartbeatMs } from '../../../wire/api/assignments.ts'
import { messageOf } from '../../assign/push.ts'
import { getAssignment } from '../../store/assignments.ts'
import type { Parts } from '../parts.ts'
import { HttpProblem } from '../problem.ts'
import { openSse } from '../sse.ts'

type Asked = FastifyRequest<{ Querystring: { poll?: boolean } }>

const summary = 'server-sent events: assignment, run, drain; ?poll answers once, 204 while nothing is planned, 304 for If-None-Match'

export const assignmentRoutes = (app: FastifyInstance, { store, assigning, ending, streamHeartbeatMs = heartbeatMs }: Parts): void => {
  app.get(
    '/v1/assignments',
    {
      exposeHeadRoute: false,
      config: { access: 'agent' },
      schema: {
        summary,
        tags: ['agents'],
        produces: ['text/event-stream', 'application/json'],
        querystring: { type: 'object', properties: { poll: { type: 'boolean' } } },
        response: { 200: assignmentMessageSchema },
      },
    },
    async (request: Asked, reply) => {
      if (ending.aborted) throw new HttpProblem(503, 'this controller is ending', { retryAfterS: 1 })
      const caller = request.caller!
      if (!request.query.poll) {
        const sse = openSse(reply, { heartbeatMs: streamHeartbeatMs, onHeartbeat: sse => assigning.streams.beat(caller, sse) })
        assigning.streams.open(caller, sse, textOf(request.headers['last-event-id']))
        return reply
      }
      assigning.asks(caller.agentId)
      const assignment = await store.read(sql => getAssignment(sql, caller.agentId))
      if (!assignment) return reply.code(204).send()
      reply.header('etag', `"${assignment.revision}"`)
      if (hasTag(request.headers['if-none-match'], assignment.revision)) return reply.code(304).send()
      assigning.sent(caller.agentId, assignment.revision)
      return reply.type('application/json').send(messageOf(assignment))
    },
  )
  app.post<{ Body: Acknowledgement }>(
    '/v1/assignments/ack',
    {
      config: { access: 'agent' },
      schema: { summary: 'what it runs now, or why not; or that it ends', tags: ['agents'], body: acknowledgementSchema },
    },
    async (request, reply) => {
      await assigning.acknowledge(request.caller!.agentId, request.body)
      return reply.code(204).send()
    },
  )
}

const textOf = (header: string | string[] | undefined): string | undefined =>
  typeof header === 'string' && header !== '' ? header : undefined

/** Weak comparison (RFC 9110 §8.8.3.2). */
const hasTag = (header: string | undefined, revision: string): boolean =>
  (header ?? '').split(',').some(tag => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === `"${revision}"`)
