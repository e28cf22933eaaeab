/** OpenAPI 3 of all routes, at `/docs` for people and `/docs/json` for programs: made of the schemas that requests are held against. */
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import type { Access } from './access.ts'

const prefix = '/docs'

/** Before all routes that are to be in it. */
export const addDocs = async (app: FastifyInstance, version: string): Promise<void> => {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Causeway controller',
        version,
        description: 'Who probes what, and everything that comes back. Errors are problem documents (RFC 9457).',
      },
      components: {
        securitySchemes: {
          person: { type: 'http', scheme: 'bearer', description: 'a token of this controller, or of the OpenID provider' },
          agent: { type: 'http', scheme: 'bearer', description: 'the credential that an agent got by enrolling' },
        },
      },
    },
    transform: ({ schema, url, route }) => {
      const access: Access | undefined = route.config?.access
      if (access === undefined || access === 'open') return { schema, url }
      const scheme = access === 'agent' ? 'agent' : 'person'
      const summary = access === 'agent' ? schema.summary : `${schema.summary ?? ''} (${access})`.trim()
      return { schema: { ...schema, summary, security: [{ [scheme]: [] }] }, url }
    },
  })
  // The page registers routes of its own, which are for everybody.
  app.addHook('onRoute', route => {
    if (route.url === prefix || route.url.startsWith(`${prefix}/`)) route.config = { ...route.config, access: 'open' }
  })
  await app.register(swaggerUi, { routePrefix: prefix, staticCSP: true, uiConfig: { docExpansion: 'list' } })
}
