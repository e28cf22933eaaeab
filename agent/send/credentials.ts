import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { createSecureContext } from 'node:tls'
import { readTextFile } from '../../probes/identity/text-file.ts'
import type { Endpoint } from './endpoint.ts'

/** The agent's SVID as PEM: the leaf and what follows it, the key, and the authorities to trust. */
export type ClientIdentity = { certPem: string; keyPem: string; caPem?: string }
export type ReadClientIdentity = () => Promise<ClientIdentity | undefined>

/** Connections that are kept open for one endpoint, made anew when what they were made with has changed. */
export type Connections = {
  /** Rejects, in words, when a file can't be used. */
  agent(): Promise<HttpAgent>
  close(): void
}

/** `environment` is where HTTPS_PROXY, HTTP_PROXY and NO_PROXY are looked up. */
export const openConnections = (endpoint: Endpoint, environment: NodeJS.ProcessEnv, readSvid?: ReadClientIdentity): Connections => {
  const options = { keepAlive: true, maxSockets: endpoint.concurrency, proxyEnv: environment }
  const isTls = endpoint.url.startsWith('https:')
  let stamp: string | undefined
  let agent: HttpAgent | undefined
  return {
    agent: async () => {
      const { ca, cert, key } = isTls ? await readCredentials(endpoint, readSvid) : {}
      const now = JSON.stringify([ca, cert, key])
      if (agent && now === stamp) return agent
      const made = isTls
        ? new HttpsAgent({ ...options, secureContext: createSecureContext({ ca, cert, key, minVersion: 'TLSv1.2' }) })
        : new HttpAgent(options)
      agent?.destroy()
      stamp = now
      agent = made
      return made
    },
    close: () => agent?.destroy(),
  }
}

type Credentials = { ca?: string; cert?: string; key?: string }

/** Read for each request: they are small, and a renewed certificate is used at once. */
const readCredentials = async (
  { caFile, authorities, certFile, keyFile, svid }: Endpoint,
  readSvid?: ReadClientIdentity,
): Promise<Credentials> => {
  const ca = caFile === undefined ? await authorities?.() : await readPem(caFile)
  if (certFile !== undefined) return { ca, cert: await readPem(certFile), key: await readPem(keyFile ?? certFile) }
  if (!svid) return { ca }
  const identity = await readSvid?.()
  if (!identity) throw new Error('no SVID to present')
  return { ca: ca ?? identity.caPem, cert: identity.certPem, key: identity.keyPem }
}

const readPem = async (path: string): Promise<string> => {
  const file = readTextFile(path)
  if ('error' in file) throw new Error(`${path}: ${file.error}`)
  return file.text
}
