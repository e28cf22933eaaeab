import { type Dispatcher, request } from 'undici'

/** JWKS have a few kB. */
const maxBytes = 1024 * 1024
const timeoutMs = 5000

/**
 * One JSON document over HTTPS, from an address that an admin has configured. No redirects; what is too large or too slow is refused. Throws with a message
 * that repeats nothing of the body.
 */
export const fetchJson = async (url: string, dispatcher?: Dispatcher): Promise<unknown> => {
  if (!url.startsWith('https://')) throw new Error('not an https:// URL')
  const answer = await request(url, {
    headers: { accept: 'application/json' },
    signal: AbortSignal.timeout(timeoutMs),
    ...(dispatcher ? { dispatcher } : {}),
  })
  const parts: Buffer[] = []
  let size = 0
  for await (const part of answer.body as AsyncIterable<Buffer>) {
    size += part.length
    if (size > maxBytes) throw new Error(`the answer has more than ${maxBytes} bytes`)
    parts.push(part)
  }
  if (answer.statusCode !== 200) throw new Error(`the answer is ${answer.statusCode}, want 200`)
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8')) as unknown
  } catch {
    throw new Error('the answer is not JSON')
  }
}
