/**
 * The authority that a join token names: found in the chain that the controller shows, by its SHA-256. Only then is the controller dialled in earnest, with that
 * authority as the only one: whoever merely sends it along has no certificate from it. Nothing is told to anybody on this first connection.
 */
import { createHash, type X509Certificate } from 'node:crypto'
import { Agent, request as httpsRequest } from 'node:https'
import type { TLSSocket } from 'node:tls'
import { bad, good, type Parsed } from '../../wire/values.ts'
import { sayError } from '../send/post.ts'

const mostDepth = 10

type Asked = { url: string; pin: string; environment: NodeJS.ProcessEnv; timeoutMs: number }

/** As PEM. Never rejects. */
export const fetchPinnedCa = async ({ url, pin, environment, timeoutMs }: Asked, signal: AbortSignal): Promise<Parsed<string>> => {
  const agent = new Agent({ rejectUnauthorized: false, proxyEnv: environment, maxCachedSessions: 0 })
  try {
    const chain = await new Promise<X509Certificate[]>((resolve, reject) => {
      const ending = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
      const request = httpsRequest(`${url}/healthz`, { method: 'HEAD', agent, signal: ending })
      request.on('error', reject)
      request.on('response', response => {
        resolve(chainOf(response.socket as TLSSocket))
        request.destroy()
      })
      request.end()
    })
    const found = chain.find(({ raw }) => fingerprintOf(raw) === pin)
    if (found) return good(found.toString())
    return bad(
      `the controller shows ${chain.length} certificates, and none is the authority that the join token names: another controller's token, or somebody in between`,
    )
  } catch (error) {
    return bad(`no TLS with the controller: ${sayError(error as Error)}`)
  } finally {
    agent.destroy()
  }
}

/** SHA-256 in hex. */
export const fingerprintOf = (der: Uint8Array): string => createHash('sha256').update(der).digest('hex')

const chainOf = (socket: TLSSocket): X509Certificate[] => {
  const chain: X509Certificate[] = []
  for (let one = socket.getPeerX509Certificate(); one && chain.length < mostDepth; one = one.issuerCertificate) {
    if (chain.some(({ raw }) => raw.equals(one!.raw))) break
    chain.push(one)
  }
  return chain
}
