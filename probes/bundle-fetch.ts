import { request } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { maxBundleBytes } from '../judge/spiffe/bundle.ts'
import type { Resolved } from './finding.ts'

/** `location` and `modified` as the headers say. `tooLarge`: more than a bundle can need, of which no more was read. */
export type Answer = {
  status: number
  contentType: string | null
  location: string | null
  modified: string | null
  body: Buffer
  tooLarge: boolean
}

/** One GET on a connection that is open already. Resolves with what went wrong; never rejects. */
export const fetchDocument = (tls: TLSSocket, target: Resolved, path: string, signal: AbortSignal): Promise<Answer | Error> =>
  new Promise(resolve => {
    const headers = {
      host: new URL(`https://${target.host.includes(':') ? `[${target.host}]` : target.host}:${target.port}`).host,
      accept: 'application/json',
    }
    const asked = request({ createConnection: () => tls, path, headers, signal, setDefaultHeaders: false }, response => {
      const chunks: Buffer[] = []
      let bytes = 0
      const answer = (tooLarge: boolean): void =>
        resolve({
          status: response.statusCode ?? 0,
          contentType: response.headers['content-type'] ?? null,
          location: response.headers.location ?? null,
          modified: response.headers['last-modified'] ?? null,
          body: Buffer.concat(chunks),
          tooLarge,
        })
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > maxBundleBytes) {
          answer(true)
          asked.destroy()
        } else chunks.push(chunk)
      })
      response.on('end', () => answer(false))
      response.on('error', resolve)
    })
    asked.on('error', resolve)
    asked.end()
  })

/** Where a redirect points to, for a sentence: without user name and password, not endless. */
export const sayLocation = (location: string | null, from: string): string => {
  if (location === null) return 'nowhere (it has no Location)'
  try {
    const url = new URL(location, from)
    url.username = ''
    url.password = ''
    return url.href.slice(0, 300)
  } catch {
    return 'what is no URL'
  }
}
