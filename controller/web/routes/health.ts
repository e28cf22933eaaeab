/** `/healthz`: this process works; `/readyz`: it can serve; `/metrics`: what Prometheus scrapes. */
import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import type { Parts } from '../parts.ts'

export const healthRoutes = (app: FastifyInstance, parts: Parts): void => {
  const { problems, counters, ending } = parts
  const config = { access: 'open', unlimited: true } as const
  app.get('/healthz', { config, schema: { summary: 'this process works', tags: ['health'] } }, async (_request, reply) =>
    reply.type('text/plain').send('ok\n'),
  )
  app.get('/readyz', { config, schema: { summary: 'it can serve', tags: ['health'] } }, async (_request, reply) => {
    const found = ending.aborted ? ['it is ending'] : await problems()
    return reply
      .code(found.length > 0 ? 503 : 200)
      .type('text/plain')
      .send(found.length > 0 ? `${found.join('\n')}\n` : 'ready\n')
  })
  app.get('/metrics', { config, schema: { summary: 'for Prometheus', tags: ['health'] } }, async (_request, reply) =>
    reply.type(counters.contentType).send(Readable.from(pageOf(parts))),
  )
}

/** In parts: that of a large fleet is not in memory as a whole. */
async function* pageOf({ counters, exporting }: Parts): AsyncGenerator<string> {
  yield `${await counters.page()}\n`
  if (exporting) yield* exporting.page()
}
