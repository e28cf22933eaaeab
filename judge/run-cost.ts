/** What one run may cost others, by its options: judged before it starts, so that a check can't be a flood. */
import type { Options } from '../wire/options.ts'
import type { Kind } from '../wire/result.ts'
import type { Budgets } from './policy.ts'

/** At most. `packetsPerSecond` of datagrams and echoes; TCP paces itself. */
export type RunCost = { connections: number; packetsPerSecond: number; bytes: number }

type Paced = { count?: number; intervalMs?: number; sizeBytes?: number }

/** Packets at an interval: without one they go as fast as the machine can. */
const paced = ({ count = 1, intervalMs = 0, sizeBytes = 0 }: Paced): RunCost => ({
  connections: 0,
  packetsPerSecond: count <= 1 ? count : Math.min(count, intervalMs > 0 ? 1000 / intervalMs : Number.POSITIVE_INFINITY),
  bytes: count * sizeBytes,
})

/** ClientHellos of the ladder and the sweep, rounded up: a few kB, and the MTU search's echoes. */
const handshakeBytes = 16 * 2 ** 10
/** Its headers with it. */
const tracePacketBytes = 60
const connecting = (connections: number, bytes = 0): RunCost => ({ connections, packetsPerSecond: 0, bytes })

const costs: { [K in Kind]: (options: Options[K]) => RunCost } = {
  bundle: () => connecting(1),
  dns: ({ resolvers }) => ({ connections: 0, packetsPerSecond: 2 * Math.max(1, resolvers.length), bytes: 0 }),
  // Two documents, two or three of the metadata service, the exchange, impersonation, the call.
  federation: ({ callBody = '' }) => connecting(8, 8 * 64 * 1024 + Buffer.byteLength(callBody)),
  http: ({ body = '', maxBodyBytes, redirects }) => connecting(1 + redirects, (1 + redirects) * maxBodyBytes + Buffer.byteLength(body)),
  icmp: options => paced(options),
  mtls: ({ negative, sniPair }) => connecting(1 + Number(negative) + Number(sniPair)),
  // Two directions, each with its confirmation.
  mtu: ({ maxSteps }) => connecting(2 * maxSteps + (maxSteps > 0 ? 6 : 0), 2 * maxSteps * handshakeBytes),
  tcp: ({ flows, payloadBytes, control }) => connecting(flows + (control ? 2 : 0), payloadBytes),
  tls: ({ ladder }) => connecting(ladder ? 5 : 1),
  trace: ({ protocol, flows, queries, maxHops, intervalMs }) => {
    const count = flows * queries * maxHops
    // SYNs that arrive are connections, for a moment; the target is asked once more than its hop.
    return { ...paced({ count, intervalMs, sizeBytes: tracePacketBytes }), connections: protocol === 'tcp' ? flows * (queries + 1) : 0 }
  },
  udp: options => paced(options),
}

export const costOf = <K extends Kind>(kind: K, options: Options[K]): RunCost => costs[kind](options)

/** Why a run is more than the policy lets one run be; undefined when it is not. */
export const judgeCost = (cost: RunCost, { maxBytes, packetsPerSecond }: Budgets): string | undefined => {
  if (cost.bytes > maxBytes)
    return `the run sends ${cost.bytes} bytes, the local policy allows ${maxBytes}; to change that: budgets: { maxBytes: … }`
  if (cost.packetsPerSecond <= packetsPerSecond) return undefined
  const rate = Number.isFinite(cost.packetsPerSecond)
    ? `${Math.round(cost.packetsPerSecond)} packets a second`
    : 'packets as fast as it can'
  return `the run sends ${rate}, the local policy allows ${packetsPerSecond}; to change that: a longer interval, or budgets: { packetsPerSecond: … }`
}
