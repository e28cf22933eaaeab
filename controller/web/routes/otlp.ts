/**
 * `POST /v1/metrics`, `POST /v1/logs`: OTLP/HTTP (opentelemetry-proto, docs/specification.md) from enrolled agents. Bodies are carried to the ingest worker as they
 * came; errors are `google.rpc.Status` in the encoding of the request.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { contentTypes, encodeAnswer, type OtlpAnswer, type OtlpEncoding, type OtlpSignal } from '../../../wire/otlp-answer.ts'
import { type Delivery, refuse } from '../../ingest/delivery.ts'
import type { Parts } from '../parts.ts'
import { asProblem } from '../problem.ts'

/** Before inflating; the worker limits what it becomes. */
const bodyBytes = 4 * 2 ** 20

export const otlpRoutes = (app: FastifyInstance, { ingest, ending, counters }: Parts): void => {
  app.removeAllContentTypeParsers()
  for (const type of Object.values(contentTypes))
    app.addContentTypeParser(type, { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  for (const signal of ['metrics', 'logs'] as const) {
    const send = (request: FastifyRequest, reply: FastifyReply, answer: OtlpAnswer): FastifyReply => {
      counters.otlp.inc({ signal, status: answer.kind === 'taken' ? '200' : String(answer.status) })
      return sendAnswer(request, reply, answer, signal)
    }
    app.post(
      `/v1/${signal}`,
      {
        config: { access: 'agent', ownEncoding: true },
        bodyLimit: bodyBytes,
        errorHandler: (error, request, reply) => void send(request, reply, asAnswer(error)),
        schema: { summary: `OTLP ${signal} of an agent`, tags: ['agents'], consumes: Object.values(contentTypes) },
      },
      async (request, reply) => {
        if (ending.aborted) return send(request, reply, refuse(503, 'this controller is ending', 1))
        const delivery = deliveryOf(request, signal)
        return send(request, reply, 'kind' in delivery ? delivery : await ingest.receive(delivery))
      },
    )
  }
}

/** Of the request and of who sends it: the agent is that of the credential, whatever a header or the body says. */
const deliveryOf = (request: FastifyRequest, signal: OtlpSignal): Delivery | (OtlpAnswer & { kind: 'error' }) => {
  const agent = request.caller!.agentId
  const { headers } = request
  const said = headers['causeway-agent']
  if (said !== undefined && said !== agent)
    return refuse(403, `the data is of ${JSON.stringify(said)}, and the credential of ${JSON.stringify(agent)}`)
  const encoding = headers['content-encoding'] ?? 'identity'
  if (encoding !== 'gzip' && encoding !== 'identity')
    return refuse(415, `the content encoding ${JSON.stringify(encoding)}, want gzip or none`)
  const [boot, sequence] = [headers['causeway-boot'], headers['causeway-sequence']]
  if (typeof boot !== 'string' || typeof sequence !== 'string' || !/^\d{1,15}$/.test(sequence))
    return refuse(400, 'no batch identity: want the headers causeway-boot and causeway-sequence of a Causeway agent')
  return {
    id: { agent, boot, sequence: Number(sequence) },
    signal,
    encoding: encodingOf(request),
    isGzip: encoding === 'gzip',
    body: (request.body as Buffer | null) ?? Buffer.alloc(0),
    instance: agent,
  }
}

const encodingOf = ({ headers }: FastifyRequest): OtlpEncoding =>
  (headers['content-type'] ?? '').startsWith(contentTypes.json) ? 'json' : 'protobuf'

const sendAnswer = (request: FastifyRequest, reply: FastifyReply, answer: OtlpAnswer, signal: OtlpSignal): FastifyReply => {
  const encoding = encodingOf(request)
  if (answer.kind === 'error' && answer.retryAfterS !== undefined) reply.header('retry-after', String(answer.retryAfterS))
  return reply
    .code(answer.kind === 'taken' ? 200 : answer.status)
    .type(contentTypes[encoding])
    .send(encodeAnswer(answer, signal, encoding))
}

/** Only 429, 502, 503 and 504 are sent again: a fault of ours must not make an agent throw its data away. */
const asAnswer = (error: Error): OtlpAnswer => {
  const { statusCode, message, retryAfterS } = asProblem(error)
  const status = ([400, 401, 403, 413, 415, 429] as const).find(one => one === statusCode)
  return status === undefined || status === 429 ? refuse(status ?? 503, message, retryAfterS ?? 5) : refuse(status, message)
}
