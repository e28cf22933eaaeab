/** What a token source gives, and how a metadata service is asked for it. */
import { type JsonObject, readJsonObject } from '../../judge/spiffe/json.ts'
import type { Outcome } from '../../wire/result.ts'
import { fail } from '../finding.ts'
import type { Answered, Ask, Question } from './ask.ts'
import type { AwsKeys } from './aws-request.ts'
import type { Secret } from './secret.ts'

/** `source` is for people. A JWT, Google's access token, or the keys of an AWS role with its region. */
export type Token = { source: string } & (
  | { form: 'jwt'; text: Secret }
  | { form: 'access_token'; text: Secret; endsMs: number | null }
  | {
      form: 'aws_credentials'
      keys: AwsKeys
      region: string | null
      endsMs: number | null /** As Google's file has it. */
      verificationUrl?: string
    }
)
/** What a source gave, or the outcome of the run. */
export type Got<T> = { got: T } | { outcome: Outcome }

const maxDepth = 16
/** Instance metadata is on the same host: who waits longer waits for something else (Google's libraries: 3 s, AWS's: 1 s). */
const metadataMs = 3000

export const missing = (detail: string): { outcome: Outcome } => ({ outcome: fail('token_missing', detail) })

export const objectIn = (body: string): JsonObject | undefined => readJsonObject(body, maxDepth)

export const memberOf = (body: string, name: string): string | undefined => {
  const value = objectIn(body)?.[name]
  return typeof value === 'string' ? value.trim() : undefined
}

/** The body of a 200; anything else is a place without a token. What it says may be a secret, and is not repeated. */
export const askFor = async (
  question: Question,
  ask: Ask,
  signal: AbortSignal,
): Promise<{ body: string; answer: Answered } | { outcome: Outcome }> => {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(metadataMs)])
  const reply = await ask(question, limit)
  const place = `${question.url.origin}${question.url.pathname}`
  if ('outcome' in reply) {
    const { outcome } = reply
    if (outcome.kind !== 'fail') return reply
    return missing(`${place} does not answer (${outcome.detail}): no such metadata service here, or it may not be reached from a pod`)
  }
  const { status, body } = reply.answer
  if (status === 200) return { body, answer: reply.answer }
  const said = memberOf(body, 'error_description') ?? memberOf(body, 'message')
  const why = said && said.length < 200 && !/[\w+-]{40,}/.test(said) ? `: ${said}` : ''
  return missing(`${place} answered HTTP ${status}, want 200${why}`)
}
