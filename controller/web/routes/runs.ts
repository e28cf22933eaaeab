/** `POST /v1/runs`: probes that somebody wants now; `GET /v1/runs/{id}`: what came of them; `POST /v1/runs/{id}/results`: where agents send that. */
import type { FastifyInstance } from 'fastify'
import { type ResultsMessage, resultsMessageSchema } from '../../../wire/api/assignments.ts'
import { type RunAnswer, type RunRequest, runParamsSchema, runRequestSchema } from '../../../wire/api/runs.ts'
import { duration } from '../../../wire/assignment.ts'
import { msOf } from '../../fleet/duration.ts'
import { runAnswer } from '../../runs/answer.ts'
import { askForRun } from '../../runs/ask.ts'
import { maxResults, receiveResults } from '../../runs/receive.ts'
import { hasNews } from '../../runs/watch.ts'
import { getRun } from '../../store/runs.ts'
import type { Parts } from '../parts.ts'
import { found, HttpProblem } from '../problem.ts'

const longestWaitMs = 60_000

type Params = { id: string }

export const runRoutes = (app: FastifyInstance, parts: Parts): void => {
  const { store, fleet, nowMs, random, ending } = parts
  const answerOf = async (id: string, after = 0): Promise<RunAnswer> => {
    const { run, parts: its } = found(await store.read(sql => getRun(sql, id)), `run ${id}`)
    return runAnswer(run, its, nowMs(), after)
  }
  app.post<{ Body: RunRequest }>(
    '/v1/runs',
    { config: { access: 'operator' }, schema: { summary: 'run a check now, on agents', tags: ['runs'], body: runRequestSchema } },
    async (request, reply) => {
      const asked = await askForRun({ store, fleet, nowMs: nowMs(), random }, request.body, request.person!.name)
      if (!asked.ok) throw new HttpProblem(asked.status, asked.detail, { problems: asked.problems ?? [] })
      return reply
        .code(201)
        .header('location', `/v1/runs/${asked.id}`)
        .send(await answerOf(asked.id))
    },
  )
  app.get<{ Params: Params; Querystring: { wait: string; after?: number } }>(
    '/v1/runs/:id',
    {
      config: { access: 'viewer' },
      schema: {
        summary: 'what came of a run; with wait, once it has ended or after so long',
        tags: ['runs'],
        params: runParamsSchema,
        querystring: {
          type: 'object',
          properties: {
            wait: { ...duration, default: '0s', examples: ['10s'] },
            after: {
              type: 'integer',
              minimum: 0,
              maximum: Number.MAX_SAFE_INTEGER,
              description: 'of a watch: only events after this one; wait ends with the first of them',
            },
          },
        },
      },
    },
    async ({ params: { id }, query: { wait, after } }) => {
      const waitMs = Math.min(longestWaitMs, msOf(wait))
      const ask = (): Promise<RunAnswer> => answerOf(id, after)
      const isEnough = (run: RunAnswer): boolean => isOver(run) || (after !== undefined && hasNews(run))
      return waitMs > 0 ? await waitFor(parts, id, { waitMs, ask, isEnough, ending }) : await ask()
    },
  )
  app.post<{ Params: Params; Body: ResultsMessage }>(
    '/v1/runs/:id/results',
    {
      config: { access: 'agent' },
      schema: {
        summary: 'results of the part of a run that is this agent’s',
        tags: ['agents'],
        params: runParamsSchema,
        body: resultsMessageSchema,
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const received = await store.write(sql => receiveResults(sql, id, request.caller!.agentId, request.body, nowMs()), {
        idempotent: true,
      })
      if (received === 'unknown') throw new HttpProblem(404, `there is no run ${id} for this agent`)
      if (received === 'over') throw new HttpProblem(410, `nobody waits for the results of ${id} any more`)
      if (received === 'too_much') throw new HttpProblem(413, `more than ${maxResults} results, or more than 1 MiB of them`)
      return reply.code(204).send()
    },
  )
}

const isOver = ({ state }: RunAnswer): boolean => state === 'done' || state === 'expired'

type Waiting = { waitMs: number; ask: () => Promise<RunAnswer>; isEnough: (run: RunAnswer) => boolean; ending: AbortSignal }

/** Once it is enough; after so long, or when this controller ends, as it is then. */
const waitFor = async ({ assigning }: Parts, id: string, { waitMs, ask, isEnough, ending }: Waiting): Promise<RunAnswer> => {
  const over = AbortSignal.any([ending, AbortSignal.timeout(waitMs)])
  let ring = (): void => {}
  const unsubscribe = assigning.feed.subscribe(events => {
    if (events.some(({ subject }) => subject === id)) ring()
  })
  over.addEventListener('abort', () => ring(), { once: true })
  try {
    for (;;) {
      const { promise, resolve } = Promise.withResolvers<void>()
      ring = resolve
      const answer = await ask()
      if (isEnough(answer) || over.aborted) return answer
      await promise
    }
  } finally {
    unsubscribe()
  }
}
