/** A span for each request, in the trace of who sent it (W3C Trace Context). Costs nothing while no SDK is started. */
import { context, propagation, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import type { FastifyInstance, FastifyRequest } from 'fastify'

/** Who asks all the time, about nothing. */
const quiet = ['/healthz', '/readyz', '/metrics']

export const addTracing = (app: FastifyInstance): void => {
  const spans = new WeakMap<FastifyRequest, Span>()
  const tracer = trace.getTracer('causeway')
  app.addHook('onRequest', async request => {
    const route = request.routeOptions.url
    if (route === undefined || quiet.includes(route)) return
    const attributes = { 'http.request.method': request.method, 'http.route': route }
    const parent = propagation.extract(context.active(), request.headers)
    spans.set(request, tracer.startSpan(`${request.method} ${route}`, { kind: SpanKind.SERVER, attributes }, parent))
  })
  app.addHook('onResponse', async (request, reply) => {
    const span = spans.get(request)
    if (!span) return
    span.setAttribute('http.response.status_code', reply.statusCode)
    if (reply.statusCode >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
    span.end()
  })
}
