/** `POST /v1/join-tokens`: for agents in places that have no identity of their own. */
import type { FastifyInstance } from 'fastify'
import { type JoinTokenAnswer, type JoinTokenRequest, joinTokenAnswerSchema, joinTokenRequestSchema } from '../../../wire/api/agents.ts'
import { makeJoinToken } from '../../enrol/join-token.ts'
import type { Parts } from '../parts.ts'

export const joinTokenRoutes = (app: FastifyInstance, { store, random, nowMs, caPin }: Parts): void => {
  app.post<{ Body: JoinTokenRequest }>(
    '/v1/join-tokens',
    {
      config: { access: 'admin' },
      schema: {
        summary: 'a token that lets one agent enrol, once, within ten minutes',
        tags: ['people'],
        body: joinTokenRequestSchema,
        response: { 201: joinTokenAnswerSchema },
      },
    },
    async (request, reply): Promise<JoinTokenAnswer> => {
      const { agent, labels, ...location } = request.body
      const made = await makeJoinToken(
        { store, random, nowMs: nowMs() },
        {
          ...(agent !== undefined && { agentId: agent }),
          location,
          labels,
          author: request.person!.name,
          ...(caPin !== undefined && { caPin }),
        },
      )
      // It is a secret, and this is the one time that it is told (RFC 9111 §5.2.2.5).
      reply.code(201).header('cache-control', 'no-store')
      return { token: made.token.reveal(), agentId: made.agentId, expiresAt: new Date(made.expiresMs).toISOString() }
    },
  )
}
