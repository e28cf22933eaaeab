/** The credential that an agent holds: what it is, how it is kept, and what an answer to a request for one means. */
import type { CredentialAnswer } from '../../wire/api/enrol.ts'
import { isObject } from '../../wire/read.ts'
import { Secret } from '../../wire/secret.ts'
import type { Answer } from '../send/post.ts'
import { parseRetryAfterMs } from '../send/retry-after.ts'
import type { Keep } from './kept.ts'
import { readCredentialAnswer } from './messages.ts'

/** Times are Unix ms of this machine's clock. */
export type Credential = {
  agentId: string
  location: CredentialAnswer['location']
  token: Secret
  sinceMs: number
  untilMs: number
}

const fileName = 'credential.json'

export const keepCredential = (keep: Keep, { token, ...rest }: Credential): boolean =>
  keep.write(fileName, `${JSON.stringify({ ...rest, token: token.reveal() })}\n`)

/** Undefined when none was kept, or none that can be read. */
export const readKeptCredential = (keep: Keep): Credential | undefined => {
  const text = keep.read(fileName)
  if (text === undefined) return undefined
  try {
    const { agentId, location, token, sinceMs, untilMs } = JSON.parse(text) as Record<keyof Credential, unknown>
    const isWhole =
      [agentId, token].every(one => typeof one === 'string') && [sinceMs, untilMs].every(Number.isFinite) && isObject(location)
    if (!isWhole) return undefined
    return { ...({ agentId, location, sinceMs, untilMs } as Omit<Credential, 'token'>), token: new Secret(token as string) }
  } catch {
    return undefined
  }
}

/** `refused`: by a decision, or by what was sent; people have to do something, the same will be refused again. */
export type Verdict =
  | { kind: 'given'; credential: Credential }
  | { kind: 'refused'; status: number; detail: string }
  | { kind: 'retry'; detail: string; afterMs?: number }

const retryable = [408, 425, 429, 500, 502, 503, 504]

/** What came of asking for a credential. Pure. */
export const judgeCredentialAnswer = (answer: Answer, nowMs: number): Verdict => {
  if (answer.kind === 'failed') return { kind: 'retry', detail: answer.detail }
  const { status } = answer
  if (status === 200) {
    const read = readCredentialAnswer(answer.body.toString())
    if (!read.ok) return { kind: 'retry', detail: `answered what is no credential: ${read.problems[0]}` }
    const lifeMs = lifeOf(read.value.expiresAt, answer.date, nowMs)
    if (!Number.isFinite(lifeMs)) return { kind: 'retry', detail: 'answered a credential without a date at which it ends' }
    const { agentId, location, credential } = read.value
    return { kind: 'given', credential: { agentId, location, token: new Secret(credential), sinceMs: nowMs, untilMs: nowMs + lifeMs } }
  }
  const detail = sayAnswer(answer)
  if (!retryable.includes(status)) return { kind: 'refused', status, detail }
  const afterMs = parseRetryAfterMs(answer.retryAfter, nowMs)
  return { kind: 'retry', detail, ...(afterMs === undefined ? {} : { afterMs }) }
}

/** By the controller's own clock, which its answer tells (RFC 9110 §6.6.1): this machine's may be wrong by hours. */
const lifeOf = (expiresAt: string, date: string | undefined, nowMs: number): number => {
  const theirs = date === undefined ? Number.NaN : Date.parse(date)
  return Date.parse(expiresAt) - (Number.isNaN(theirs) ? nowMs : theirs)
}

/** In the words of the problem document (RFC 9457), or of a short text. */
export const sayAnswer = ({ status, body, contentType = '' }: { status: number; body: Buffer; contentType?: string }): string => {
  const words = /json/i.test(contentType) ? problemOf(body.toString()) : /html/i.test(contentType) ? '' : body.toString('utf8', 0, 200)
  const plain = words.replace(/\p{Cc}+/gu, ' ').trim()
  return plain === '' ? `answered ${status}` : `answered ${status}: ${plain.slice(0, 500)}`
}

const problemOf = (text: string): string => {
  try {
    const { detail = '', problems = [] } = JSON.parse(text) as { detail?: string; problems?: { path?: string; message?: string }[] }
    return [detail, ...problems.slice(0, 3).map(({ path, message }) => `${path}: ${message}`)].join('; ')
  } catch {
    return ''
  }
}
