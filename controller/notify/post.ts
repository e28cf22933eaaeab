/** One POST to a receiver, on a connection of its own. */
import { Agent, request } from 'undici'
import type { Secret } from '../../wire/secret.ts'
import { guardedLookup } from './door.ts'
import { type Answer, failed, type Means } from './message.ts'
import { readRetryAfterMs } from './next-try.ts'
import { oneLine } from './say.ts'
import { withoutSecrets } from './secrets.ts'

/** More than any receiver says; the rest is not read. */
const maxAnswerBytes = 16_384

export type Post = { url: URL; body: string; headers?: Readonly<Record<string, string>>; ca?: string; secrets?: readonly Secret[] }
/** `body` is cut. */
export type Posted = { ok: true; status: number; body: string; answer: Answer } | { ok: false; answer: Answer }

/** Nothing is followed, nothing is tried again here; never rejects. `answer` is by the status alone. */
export const post = async ({ url, body, headers = {}, ca, secrets = [] }: Post, means: Means): Promise<Posted> => {
  const dispatcher = new Agent({
    connect: { lookup: guardedLookup(means.lookup), timeout: means.timeoutMs, maxCachedSessions: 0, ...(ca !== undefined && { ca }) },
    maxHeaderSize: maxAnswerBytes,
  })
  const signal = AbortSignal.any([means.stop, AbortSignal.timeout(means.timeoutMs)])
  try {
    const answered = await request(url, {
      ...{ method: 'POST', body, signal, dispatcher },
      headers: { 'content-type': 'application/json', 'user-agent': 'causeway', ...headers },
    })
    const said = await readStart(answered.body)
    const { statusCode: status } = answered
    const retryAfter = answered.headers['retry-after']
    const retryAfterMs = readRetryAfterMs(Array.isArray(retryAfter) ? retryAfter[0] : retryAfter, means.nowMs())
    return { ok: true, status, body: said, answer: judgeStatus(status, oneLine(withoutSecrets(said, secrets)), retryAfterMs) }
  } catch (error) {
    return { ok: false, answer: failed(sayTrouble(error, means, secrets)) }
  } finally {
    await dispatcher.destroy().catch(() => {})
  }
}

const readStart = async (body: AsyncIterable<Buffer>): Promise<string> => {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of body) {
    parts.push(part)
    size += part.length
    if (size >= maxAnswerBytes) break
  }
  return Buffer.concat(parts).subarray(0, maxAnswerBytes).toString('utf8')
}

/** Statuses that speak of what was sent, not of who sent it or of the receiver's state. */
const refusing: readonly number[] = [400, 413, 415, 422]

/** 401, 403 and 404 are put right by people, on this side or that: what waits is sent then. Pure. */
export const judgeStatus = (status: number, said: string, retryAfterMs?: number): Answer => {
  const detail = `answered ${status}${said ? `: ${said}` : ''}`
  if (status >= 200 && status < 300) return { kind: 'taken', detail }
  if (status >= 300 && status < 400) return failed(`${detail}; redirects are not followed`)
  return refusing.includes(status) ? { kind: 'refused', detail } : failed(detail, retryAfterMs)
}

const sayTrouble = (error: unknown, { stop, timeoutMs }: Means, secrets: readonly Secret[]): string => {
  if (stop.aborted) return 'stopped'
  if (error instanceof Error && error.name === 'TimeoutError') return `no answer in ${timeoutMs / 1000} s`
  const { message, code } = error as NodeJS.ErrnoException
  return oneLine(withoutSecrets(`${message || 'no connection'}${code && !message.includes(code) ? ` (${code})` : ''}`, secrets))
}
