/** `GET /v1/events`: everything that changes, as it changes, for the console and for `--watch`. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { heartbeatMs } from '../../../wire/api/assignments.ts'
import { readEvents, type StoredEvent } from '../../store/events.ts'
import type { Store } from '../../store/store.ts'
import type { Parts } from '../parts.ts'
import { HttpProblem } from '../problem.ts'
import { openSse, type Sse } from '../sse.ts'

const maxStreams = 200
const perRead = 500
/** A reader comes again after so long, and proves again who it is. */
const longestMs = 900_000
/** Several writers commit in another order than they number: what such a reader has seen may come a second time, under the same id. */
const overlapMs = 60_000

type Asked = FastifyRequest<{ Querystring: { kind?: string[]; after?: number } }>

export const eventRoutes = (app: FastifyInstance, { store, assigning, ending, streamHeartbeatMs = heartbeatMs }: Parts): void => {
  const open = new Set<Sse>()
  ending.addEventListener('abort', () => {
    for (const sse of open) sse.end()
  })
  app.get(
    '/v1/events',
    {
      exposeHeadRoute: false,
      config: { access: 'viewer' },
      schema: {
        summary: 'server-sent events: what changes; goes on after the header last-event-id',
        tags: ['events'],
        produces: ['text/event-stream'],
        querystring: {
          type: 'object',
          properties: {
            kind: { type: 'array', maxItems: 100, items: { type: 'string', maxLength: 128 }, description: 'only these' },
            after: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'for those that cannot send the header' },
          },
        },
      },
    },
    async (request: Asked, reply) => {
      if (open.size >= maxStreams || ending.aborted) throw new HttpProblem(503, 'too many read the events already', { retryAfterS: 30 })
      const { kind: kinds, after } = request.query
      const sse = openSse(reply, { heartbeatMs: streamHeartbeatMs })
      open.add(sse)
      const timer = setTimeout(() => sse.end(), longestMs)
      const send = (events: readonly StoredEvent[]): void => {
        for (const event of events)
          if (!kinds || kinds.includes(event.kind)) sse.send({ id: String(event.id), data: JSON.stringify(shown(event)) })
      }
      const stop = follow({ store, assigning }, sse, send, numberOf(request.headers['last-event-id']) ?? after)
      void sse.closed.then(() => {
        clearTimeout(timer)
        open.delete(sse)
        stop()
      })
      return reply
    },
  )
}

const shown = ({ id, atMs, kind, subject, body }: StoredEvent) => ({ id, at: new Date(atMs).toISOString(), kind, subject, body })

const numberOf = (header: string | string[] | undefined): number | undefined =>
  typeof header === 'string' && /^\d{1,15}$/.test(header) ? Number(header) : undefined

/** What comes while the past is read waits until that has been sent. */
const follow = (
  { store, assigning }: Pick<Parts, 'assigning'> & { store: Pick<Store, 'read' | 'kind'> },
  sse: Sse,
  send: (events: readonly StoredEvent[]) => void,
  after: number | undefined,
): (() => void) => {
  const past = new Set<number>()
  let waiting: StoredEvent[] | undefined = []
  const unsubscribe = assigning.feed.subscribe(events => {
    if (waiting) waiting.push(...events)
    else send(events)
  })
  const catchUp = async (): Promise<void> => {
    for (let last = after; last !== undefined && sse.isOpen; ) {
      const from = last
      const events = await store.read(sql => readEvents(sql, from, perRead, from === after && store.kind === 'postgres' ? overlapMs : 0))
      const fresh = events.filter(({ id }) => !past.has(id))
      for (const { id } of fresh) past.add(id)
      send(fresh)
      last = events.some(({ id }) => id > from) ? Math.max(...events.map(({ id }) => id)) : undefined
      while (sse.isOpen && !sse.isDrained) await new Promise(resolve => setTimeout(resolve, 20))
    }
    send(waiting!.filter(({ id }) => !past.has(id)))
    waiting = undefined
    past.clear()
  }
  // It comes again, and says where it was.
  catchUp().catch(() => sse.end())
  return unsubscribe
}
