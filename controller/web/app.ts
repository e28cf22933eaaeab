/** The controller's API on Fastify: what all routes share (who may come and how often, what errors look like, OpenAPI), and the routes themselves. */
import type { TlsOptions } from 'node:tls'
import rateLimit, { normalizeIP } from '@fastify/rate-limit'
import fastify, { type FastifyInstance, type FastifyRequest, LogController, type RouteOptions } from 'fastify'
import { addAccess } from './access.ts'
import { answerClientError } from './client-error.ts'
import { addDocs } from './docs.ts'
import type { Parts } from './parts.ts'
import { answerError, HttpProblem, sendProblem } from './problem.ts'
import { agentRoutes } from './routes/agents.ts'
import { assignmentRoutes } from './routes/assignments.ts'
import { enrolRoutes } from './routes/enrol.ts'
import { eventRoutes } from './routes/events.ts'
import { fleetRoutes } from './routes/fleet.ts'
import { healthRoutes } from './routes/health.ts'
import { incidentRoutes } from './routes/incidents.ts'
import { joinTokenRoutes } from './routes/join-tokens.ts'
import { measuredRoutes } from './routes/measured.ts'
import { otlpRoutes } from './routes/otlp.ts'
import { receiverRoutes } from './routes/receivers.ts'
import { runRoutes } from './routes/runs.ts'
import { silenceRoutes } from './routes/silences.ts'
import { addStrictness } from './strict.ts'
import { addTracing } from './tracing.ts'
import { compileValidator } from './validate.ts'

const allRoutes = [
  healthRoutes,
  enrolRoutes,
  otlpRoutes,
  agentRoutes,
  joinTokenRoutes,
  fleetRoutes,
  measuredRoutes,
  assignmentRoutes,
  runRoutes,
  receiverRoutes,
  eventRoutes,
  incidentRoutes,
  silenceRoutes,
]

/** For bodies but those of OTLP: a fleet file of ten thousand targets fits. */
const bodyBytes = 4 * 2 ** 20
/** Slow bodies are not waited for longer (RFC 9110 §15.5.9). */
const requestMs = 30_000
/** The same for headers, and for connections on which nothing comes; looked at so often. */
const [headersMs, lookEveryMs] = [15_000, 2000]

/** `tls` absent: plain HTTP, which is for loopback. A client certificate is asked for and never demanded: what it proves is judged where an agent enrols. */
export const buildApp = async (parts: Parts, tls?: TlsOptions): Promise<FastifyInstance> => {
  const patience = { headersTimeout: headersMs, requestTimeout: requestMs, connectionsCheckingInterval: lookEveryMs }
  const app = fastify({
    loggerInstance: parts.log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: bodyBytes,
    requestTimeout: requestMs,
    connectionTimeout: 0,
    keepAliveTimeout: 75_000,
    forceCloseConnections: 'idle',
    return503OnClosing: true,
    // Addresses that can't be read find no route, and so no error handler of one.
    frameworkErrors: answerError,
    clientErrorHandler: answerClientError,
    routerOptions: { maxParamLength: 512 },
    ...(tls ? { https: { ...tls, ...patience } } : { http: patience }),
  }) as unknown as FastifyInstance
  addStrictness(app)
  const routes: RouteOptions[] = []
  app.addHook('onRoute', route => void routes.push(route))
  app.decorate('routes', routes)
  // No route takes one, and it would be judged as a body of JSON.
  app.removeContentTypeParser('text/plain')
  app.setValidatorCompiler(compileValidator)
  app.setErrorHandler(answerError)
  app.setNotFoundHandler((request, reply) =>
    sendProblem(reply, new HttpProblem(404, `there is no ${request.method} ${request.url.split('?')[0]}; /docs lists what there is`)),
  )
  await app.register(rateLimit, {
    hook: 'preParsing',
    keyGenerator: keyOf,
    max: request => (request.routeOptions.config.access === 'agent' ? 1200 : 600),
    timeWindow: 60_000,
    cache: 20_000,
    allowList: request => request.routeOptions.config.unlimited === true,
    errorResponseBuilder: (_request, { ttl }) => {
      const retryAfterS = Math.max(1, Math.ceil(ttl / 1000))
      return new HttpProblem(429, `too many requests, come again in ${retryAfterS} s`, { retryAfterS })
    },
  })
  await addDocs(app, parts.version)
  addTracing(app)
  addAccess(app, { ...parts, refused: (access, reason) => parts.counters.refused.inc({ access, reason }) })
  app.addHook('onResponse', async (request, reply) => {
    if (request.caller) parts.assigning.seen(request.caller.agentId)
    parts.counters.requests.inc({ route: request.routeOptions.url ?? '', method: request.method, status: String(reply.statusCode) })
  })
  // Each in a scope of its own: what one does to its bodies is not the others' matter.
  for (const add of allRoutes)
    await app.register((scope, _options, done) => {
      add(scope, parts)
      done()
    })
  return app
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Every one that there is, those of the pages of `/docs` too. */
    routes: readonly RouteOptions[]
  }
  interface FastifyContextConfig {
    /** Not counted against anybody's number of requests. */
    unlimited?: boolean
  }
}

/** Whose requests are counted together. */
const keyOf = (request: FastifyRequest): string =>
  request.caller
    ? `agent ${request.caller.agentId}`
    : request.person
      ? `person ${request.person.principal}`
      : `address ${normalizeIP(request.ip)}`
