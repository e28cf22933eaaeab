/** How the controller is reached: its address, whom to trust there, and the connections, which are kept open. */
import { X509Certificate } from 'node:crypto'
import { existsSync } from 'node:fs'
import type { Agent as HttpAgent } from 'node:http'
import { join } from 'node:path'
import { bad, good, type Parsed } from '../../wire/values.ts'
import type { ControllerConfig } from '../config/config.ts'
import { controllerEndpoint, controllerSignals } from '../config/controller.ts'
import { type Connections, openConnections, type ReadClientIdentity } from '../send/credentials.ts'
import { defaultTimeoutMs, type Endpoint } from '../send/endpoint.ts'
import { openAuthorities } from './authorities.ts'
import type { Keep } from './kept.ts'
import { fetchPinnedCa, fingerprintOf } from './pinned-ca.ts'

const caName = 'ca.pem'
/** The stream, and beside it what is answered meanwhile. */
const connections = 4

export type Line = {
  readonly url: string
  /** The controller as an endpoint of results, with whom to trust now. */
  endpoint(): Endpoint
  /** Rejects, in words, when a file of it can't be used. */
  agent(): Promise<HttpAgent>
  /** The same, and shows the SVID where that is what we are known by: for a proof. */
  provingAgent(): Promise<HttpAgent>
  /** From now on trusts the authority with this SHA-256 and no other, unless the configuration names one. */
  trust(pin: string, signal: AbortSignal): Promise<Parsed<undefined>>
  close(): void
}

type Parts = { config: ControllerConfig; keep: Keep; environment: NodeJS.ProcessEnv; readSvid?: ReadClientIdentity }

export const openLine = ({ config, keep, environment, readSvid }: Parts): Line => {
  const { url, spiffe } = config
  const keptCa = join(keep.directory, caName)
  const isBySvid = spiffe && url.startsWith('https:')
  const authorities = isBySvid && readSvid ? openAuthorities(keep, readSvid) : undefined
  const endpoint = (): Endpoint => {
    const caFile = config.caFile ?? (existsSync(keptCa) ? keptCa : undefined)
    return {
      name: controllerEndpoint,
      signals: controllerSignals,
      url,
      protocol: 'protobuf',
      compression: 'gzip',
      headers: {},
      timeoutMs: defaultTimeoutMs,
      order: 'newest',
      concurrency: 1,
      ...(caFile === undefined ? {} : { caFile }),
      ...(authorities && { authorities }),
    }
  }
  const opening = (svid: boolean) => {
    let open: { caFile?: string; connections: Connections } | undefined
    return {
      agent(): Promise<HttpAgent> {
        const now = endpoint()
        if (!open || open.caFile !== now.caFile) {
          open?.connections.close()
          open = { caFile: now.caFile, connections: openConnections({ ...now, svid, concurrency: connections }, environment, readSvid) }
        }
        return open.connections.agent()
      },
      close: () => open?.connections.close(),
    }
  }
  const [plain, proving] = [opening(false), opening(isBySvid)]
  return {
    url,
    endpoint,
    agent: plain.agent,
    provingAgent: isBySvid ? proving.agent : plain.agent,
    async trust(pin, signal) {
      if (config.caFile !== undefined || url.startsWith('http:') || isPinned(keep.read(caName), pin)) return good(undefined)
      const ca = await fetchPinnedCa({ url, pin, environment, timeoutMs: defaultTimeoutMs }, signal)
      if (!ca.ok) return ca
      return keep.write(caName, ca.value) ? good(undefined) : bad(`${keptCa}: cannot be written`)
    },
    close() {
      plain.close()
      proving.close()
    },
  }
}

const isPinned = (pem: string | undefined, pin: string): boolean => {
  try {
    return pem !== undefined && fingerprintOf(new X509Certificate(pem).raw) === pin
  } catch {
    return false
  }
}
