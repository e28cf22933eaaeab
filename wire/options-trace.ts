import { source, timeoutMs } from './option-parts.ts'

/** What the packets of a trace are. */
export const traceProtocols = ['icmp', 'udp', 'tcp'] as const

/** IANA gives 33434 to traceroute, and nothing listens there; what TCP is asked for most. An echo has no port. */
const defaultPorts = { icmp: undefined, udp: 33_434, tcp: 443 } as const

/** The port that a trace's packets go to. */
export const tracePortOf = (protocol: (typeof traceProtocols)[number], port: number | undefined): number | undefined =>
  protocol === 'icmp' ? undefined : (port ?? defaultPorts[protocol])

export const trace = {
  type: 'object',
  additionalProperties: false,
  required: ['timeoutMs', 'protocol', 'flows', 'queries', 'maxHops', 'intervalMs', 'replyTimeoutMs'],
  properties: {
    timeoutMs: { ...timeoutMs, default: 9000 },
    source,
    protocol: {
      enum: traceProtocols,
      default: 'icmp',
      description: "what is sent: echoes, datagrams to the target's port [33434], or SYNs to its port [443]",
    },
    flows: {
      type: 'integer',
      default: 1,
      minimum: 1,
      maximum: 32,
      description: 'flows to trace at the same time: routers with several equal ways choose among them by flow',
    },
    firstFlow: {
      type: 'integer',
      minimum: 1024,
      maximum: 65_472,
      description:
        'source port, or identifier of echoes, of the first flow, the others have the next ones: the flow of a check that is pinned to it; default: by the address',
    },
    queries: { type: 'integer', default: 3, minimum: 1, maximum: 10, description: 'packets per hop and flow' },
    maxHops: { type: 'integer', default: 30, minimum: 1, maximum: 255, description: 'the largest TTL that is sent' },
    intervalMs: { type: 'number', default: 1, minimum: 0.1, maximum: 1000, description: 'time between two packets' },
    replyTimeoutMs: { type: 'number', default: 1000, minimum: 1, maximum: 60_000, description: 'how long to wait for a silent hop' },
  },
} as const
