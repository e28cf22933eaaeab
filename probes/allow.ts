import { isIP } from 'node:net'
import type { Dial } from '../judge/policy.ts'
import type { Options } from '../wire/options.ts'
import { tracePortOf } from '../wire/options-trace.ts'
import type { Kind, Target } from '../wire/result.ts'
import { parseWorkloadApiAddress } from './identity/workload-api-address.ts'

/** Whether a socket may be opened: asked with the literal address, at the moment of dialling. A text is the refusal, in words. */
export type Allow = (dial: Dial) => string | undefined

/** For a person at a terminal: their own machine, their own choice. */
export const allowAll: Allow = () => undefined

type Named = { protocol?: Options['trace']['protocol']; source?: string; resolvers?: string[]; workloadApi?: string }

/**
 * The first refusal among all that a run's target and options name: the target's address with its port, the resolvers, a Workload API elsewhere.
 * What is only known later (a redirect, another port) is asked for where it is dialled.
 */
export const refusalOf = <K extends Kind>(kind: K, target: Target, options: Options[K], allow: Allow): string | undefined => {
  if (allow === allowAll) return undefined
  const { source, resolvers = [], workloadApi }: Named = options
  const dials: Dial[] = []
  const from = source === undefined ? {} : { source }
  // A cloud is no address: each service of it is asked for when it is dialled.
  if (kind === 'federation') return undefined
  if (kind === 'dns') dials.push(...resolvers.map(resolver => ({ kind, ...resolverAt(resolver) })))
  else dials.push({ kind, address: target.address ?? '', ...portOf(kind, target, options as Named), ...from })
  const api = workloadApi === undefined ? undefined : parseWorkloadApiAddress(workloadApi).address
  if (api && api.path === undefined) dials.push({ kind, address: api.host, port: api.port })
  for (const dial of dials) {
    const refusal = allow(dial)
    if (refusal !== undefined) return refusal
  }
  return undefined
}

const portOf = (kind: Kind, { port }: Target, { protocol = 'icmp' }: Named): { port?: number } => {
  const dialled = kind === 'icmp' ? undefined : kind === 'trace' ? tracePortOf(protocol, port) : port
  return dialled === undefined ? {} : { port: dialled }
}

/** `address`, `address:port` or `[IPv6]:port`, as `dns.setServers` takes it. */
const resolverAt = (text: string): { address: string; port: number } => {
  if (isIP(text) !== 0) return { address: text, port: 53 }
  const [, inner, host, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(text) ?? []
  return { address: inner ?? host ?? text, port: port === undefined ? 53 : Number(port) }
}
