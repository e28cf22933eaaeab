import { type Agent as HttpAgent, request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'

/** More of an answer is not read: the connection is closed instead. */
export const mostAnswerBytes = 64 * 1024

/** What came of a request. `failed`: no whole answer, so the endpoint may or may not have it. */
export type Answer =
  | { kind: 'answered'; status: number; retryAfter?: string; date?: string; contentType?: string; body: Buffer; cut: boolean }
  | { kind: 'failed'; detail: string }

export type Post = { url: string; headers: Record<string, string>; body: Uint8Array; agent: HttpAgent; timeoutMs: number }
/** `mostBytes`: of the answer. */
export type Get = Omit<Post, 'body'> & { mostBytes: number }

/**
 * One POST over node:http(s), which the agent has loaded anyway (undici would be 13 MB more). Redirects are answers like any other: what was meant for one
 * server is not carried to another. Never rejects; when the promise settles the request is over. `signal` ends it early.
 */
export const post = (request: Post, signal: AbortSignal): Promise<Answer> =>
  exchange({ ...request, method: 'POST', mostBytes: mostAnswerBytes }, signal)

/** The same for a GET. */
export const get = (request: Get, signal: AbortSignal): Promise<Answer> => exchange({ ...request, method: 'GET' }, signal)

type Exchange = Get & { method: 'GET' | 'POST'; body?: Uint8Array }

const exchange = async ({ url, method, headers, body, agent, timeoutMs, mostBytes }: Exchange, signal: AbortSignal): Promise<Answer> => {
  const timeout = AbortSignal.timeout(timeoutMs)
  const send = url.startsWith('https:') ? httpsRequest : httpRequest
  try {
    return await new Promise<Answer>((resolve, reject) => {
      const request = send(url, {
        method,
        agent,
        headers: { ...headers, ...(body && { 'content-length': body.length }) },
        signal: AbortSignal.any([signal, timeout]),
      })
      request.on('error', reject)
      request.on('response', response => {
        const parts: Buffer[] = []
        let bytes = 0
        const finish = (cut: boolean): void =>
          resolve({
            kind: 'answered',
            status: response.statusCode ?? 0,
            retryAfter: response.headers['retry-after'],
            date: response.headers.date,
            contentType: response.headers['content-type'],
            body: Buffer.concat(parts),
            cut,
          })
        response.on('data', (part: Buffer) => {
          parts.push(part.subarray(0, mostBytes - bytes))
          bytes += part.length
          if (bytes <= mostBytes) return
          finish(true)
          request.destroy()
        })
        response.on('end', () =>
          response.complete ? finish(false) : reject(new Error('the connection ended in the middle of the answer')),
        )
        response.on('error', reject)
        response.on('close', () => reject(new Error('the connection ended in the middle of the answer')))
      })
      request.end(body)
    })
  } catch (error) {
    return { kind: 'failed', detail: timeout.aborted ? `no whole answer within ${timeoutMs} ms` : sayError(error as NodeJS.ErrnoException) }
  }
}

export const sayError = (error: NodeJS.ErrnoException): string => {
  // A host with several addresses fails with an AggregateError that has no message of its own.
  const [first] = (error as { errors?: NodeJS.ErrnoException[] }).errors ?? []
  return error.message || first?.message || error.code || 'the connection failed'
}
