/**
 * Whether something between this agent and the network answers its connections: a sidecar that was injected into its pod accepts every
 * connection, and every check would be green. Found by connecting to where nobody can be.
 */
import { closeFd, connectOnly } from '../probes/net/tcp-socket.ts'
import type { AnyResult, Kind, Outcome } from '../wire/result.ts'

/** TEST-NET-1 is routed nowhere (RFC 5737), and port 9 discards (RFC 863). */
export const nobody = { address: '192.0.2.1', port: 9 }
const waitMs = 1000

/** True when a connection to `at` is accepted. Never rejects. */
export const isIntercepted = async (at: { address: string; port: number }, stop: AbortSignal): Promise<boolean> => {
  try {
    const { fd } = await connectOnly({ ...at, family: 4 }, AbortSignal.any([stop, AbortSignal.timeout(waitMs)]))
    closeFd(fd)
    return true
  } catch {
    return false
  }
}

export const interceptionRemedy =
  'keep the mesh out of the agent\'s pod: labels sidecar.istio.io/inject: "false" and istio.io/dataplane-mode: none'

/** Kinds that a proxy in between answers instead of the target. */
const throughTcp: readonly Kind[] = ['tcp', 'tls', 'mtls', 'mtu', 'bundle', 'http', 'federation']

/** What a proxy of our own pod answered says nothing about the path. */
export const judgeIntercepted = (result: AnyResult): AnyResult => {
  if (!throughTcp.includes(result.kind) || result.outcome.kind === 'unmeasured') return result
  const detail = `a proxy in this agent's own pod answers every connection (also those to ${nobody.address}:${nobody.port}, where nobody is): ${interceptionRemedy}`
  const outcome: Outcome = { kind: 'unmeasured', reason: 'local_interception', detail }
  return { ...result, outcome }
}
