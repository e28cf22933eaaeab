import { type Dispatcher, request } from 'undici'

export type FetchOptions = { maxBytes: number; timeoutMs?: number; dispatcher?: Dispatcher; stop?: AbortSignal }

/**
 * One document over HTTPS, from an address that an admin has configured. No redirects; what is too large or too slow is refused. Throws with a message
 * that repeats nothing of the body.
 */
export const fetchText = async (url: string, { maxBytes, timeoutMs = 5000, dispatcher, stop }: FetchOptions): Promise<string> => {
  if (!url.startsWith('https://')) throw new Error('not an https:// URL')
  const signal = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(stop ? [stop] : [])])
  const answer = await request(url, { headers: { accept: 'application/json' }, signal, ...(dispatcher ? { dispatcher } : {}) })
  const body = await readBody(answer.body, maxBytes)
  if (answer.statusCode !== 200) throw new Error(`the answer is ${answer.statusCode}, want 200`)
  return body
}

/** Throws as soon as there is more. */
export const readBody = async (body: AsyncIterable<Buffer>, maxBytes: number): Promise<string> => {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of body) {
    size += part.length
    if (size > maxBytes) throw new Error(`the answer has more than ${maxBytes} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}
