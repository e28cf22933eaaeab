/** What an answer to a packet of a trace says, and of whom. */
import type { Options } from '../wire/options.ts'
import type { Resolved } from './finding.ts'
import { isTooBig, reasonOfError } from './icmp-errors.ts'
import type { QueuedError } from './net/mailbox.ts'
import type { Realtime } from './net/realtime.ts'
import type { TraceAnswer } from './net/trace-socket.ts'
import { extensionsOf } from './trace-extensions.ts'
import type { Heard } from './trace-flow.ts'

export type TraceRun = {
  target: Resolved
  options: Options['trace']
  clock: Realtime
  steppedAtNs: number
}

/** What an answer says, from whom. Undefined for an error that is about no packet's way (packet-too-big). */
export const heardOf = (run: TraceRun, { receivedNs, ttl, error }: Omit<TraceAnswer, 'index'>, sentNs: number): Heard | undefined => {
  const { target, steppedAtNs } = run
  const rttMs = (receivedNs - sentNs) / 1e6
  const known = { rttMs: rttMs < 0 || sentNs <= steppedAtNs ? Number.NaN : rttMs, ttlHere: ttl }
  if (!error) return { ...known, from: target.address, what: 'reached', mpls: [], interfaces: [] }
  if (isTooBig(error, target.family) || error.offender === undefined) return undefined
  const from = error.offender
  return { ...known, from, what: whatOf(error, target), ...extensionsOf(error.packet, error.extensionsAt, strippedBytes(run)) }
}

/** Port unreachable (RFC 1122 §4.1.3.1, RFC 4443 §3.1) is the target's own word that it was reached; of another it is a filter's. */
const whatOf = (error: QueuedError, { address, family }: Resolved): Heard['what'] => {
  if (error.type === (family === 4 ? 11 : 3)) return 'expired'
  const isPort = family === 4 ? error.type === 3 && error.code === 3 : error.type === 1 && error.code === 4
  return isPort && error.offender === address.split('%')[0] ? 'reached' : (reasonOfError(error, family) ?? 'host_unreachable')
}

/** Bytes of a quote that the kernel keeps to itself: the IP header, and UDP's (net/ipv4/udp.c, net/ipv4/ping.c: what is handed to ip_icmp_error). */
const strippedBytes = ({ target, options }: TraceRun): number => (target.family === 4 ? 20 : 40) + (options.protocol === 'udp' ? 8 : 0)
