/** One request over a real socket, with its path as it is given: `fetch` and `inject` tidy dots and escapes away. */
import { request } from 'node:http'

export type Raw = { method: string; path: string; headers?: Record<string, string>; body?: string | Buffer }
export type RawAnswer = { status: number; headers: Record<string, string | string[] | undefined>; body: Buffer }

/** Of a stream of events only the beginning. Rejects when nothing comes for 30 s. */
export const askRaw = (base: string, { method, path, headers = {}, body }: Raw): Promise<RawAnswer> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(base)
    const sent = request({ hostname, port, method, path, headers, agent: false, timeout: 30_000 }, response => {
      const answerOf = (parts: Buffer[]): RawAnswer => ({
        status: response.statusCode!,
        headers: response.headers,
        body: Buffer.concat(parts),
      })
      if (response.headers['content-type'] === 'text/event-stream') {
        resolve(answerOf([]))
        return void response.destroy()
      }
      const parts: Buffer[] = []
      response.on('data', part => parts.push(part))
      response.on('end', () => resolve(answerOf(parts)))
      response.on('error', reject)
    })
    sent.on('timeout', () => sent.destroy(new Error(`${method} ${path}: nothing comes`)))
    // After an answer it says nothing: a server need not read what it has refused.
    sent.on('error', reject)
    // A body that is announced and not sent must be refused all the same.
    if (body === undefined && headers['content-length'] !== undefined) sent.flushHeaders()
    else sent.end(body)
  })
