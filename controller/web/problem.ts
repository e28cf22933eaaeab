/** Errors as problem documents (RFC 9457). */
import { STATUS_CODES } from 'node:http'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import type { ProblemDocument } from '../../wire/api/problem-document.ts'
import { problemMediaType } from '../../wire/api/problem-document.ts'
import type { Problem } from '../../wire/problem.ts'

type More = { problems?: readonly Problem[]; retryAfterS?: number }

/** Thrown by a route: what the caller is to read. Never has a secret in it. */
export class HttpProblem extends Error {
  override name = 'HttpProblem'
  readonly statusCode: number
  readonly problems: readonly Problem[]
  readonly retryAfterS: number | undefined

  constructor(statusCode: number, detail: string, { problems = [], retryAfterS }: More = {}) {
    super(detail)
    this.statusCode = statusCode
    this.problems = problems
    this.retryAfterS = retryAfterS
  }
}

/** For a route that looks for one thing. */
export const found = <T>(value: T | undefined, what: string): T => {
  if (value === undefined) throw new HttpProblem(404, `there is no ${what}`)
  return value
}

export const problemDocument = (status: number, detail: string, problems: readonly Problem[] = []): ProblemDocument => ({
  type: 'about:blank',
  title: STATUS_CODES[status] ?? 'Error',
  status,
  detail,
  problems: problems.map(problem => ({ ...problem })),
})

/** What comes back by itself. By name: what another thread throws is of no class here (threads/calls.ts). */
const awayTexts: Readonly<Record<string, string>> = {
  StoreUnavailable: 'the store does not answer',
  CommitUnknown: 'the store does not answer',
  WorkerAway: 'a part of this controller is being started again',
}

/** What of an error is told: problems of ours and of Fastify (a body that is too long or no JSON) as they are, a store that is away as such, all else as nothing but 500. */
export const asProblem = (error: Error & Partial<FastifyError>): HttpProblem => {
  if (error instanceof HttpProblem) return error
  const away = awayTexts[error.name]
  if (away !== undefined) return new HttpProblem(503, away, { retryAfterS: 5 })
  const status = error.statusCode ?? 500
  return status >= 400 && status < 500
    ? new HttpProblem(status, lowerFirst(error.message))
    : new HttpProblem(500, 'a fault of this controller, which is in its log')
}

const lowerFirst = (text: string): string => `${text.slice(0, 1).toLowerCase()}${text.slice(1)}`

export const sendProblem = (reply: FastifyReply, { statusCode, message, problems, retryAfterS }: HttpProblem): FastifyReply => {
  if (retryAfterS !== undefined) reply.header('retry-after', String(retryAfterS))
  if (statusCode === 401) reply.header('www-authenticate', 'Bearer')
  return reply
    .code(statusCode)
    .type(problemMediaType)
    .send(JSON.stringify(problemDocument(statusCode, message, problems)))
}

/** For Fastify's `setErrorHandler`. */
export const answerError = (error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
  const problem = asProblem(error)
  if (problem.statusCode >= 500) request.log.error({ err: error, route: request.routeOptions.url }, 'a request failed')
  return sendProblem(reply, problem)
}
