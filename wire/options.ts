/**
 * The options of each kind of check: one JSON Schema gives the type (through TypeBox), the validation, the defaults, the command's help
 * and the docs page. They are literals rather than calls of TypeBox, because loading it costs more than everything else `probe run` loads.
 * Objects are closed; what has a default is required, since `withDefaults` fills it in.
 */
import type { XStatic } from 'typebox/schema'
import { alpn, pem, sni, source, timeoutMs } from './option-parts.ts'
import { federation } from './options-federation.ts'
import { http } from './options-http.ts'
import { bundle, mtls } from './options-identity.ts'
import { trace } from './options-trace.ts'
import type { Kind } from './result.ts'

const icmp = {
  type: 'object',
  additionalProperties: false,
  required: ['timeoutMs', 'count', 'intervalMs', 'replyTimeoutMs', 'sizeBytes', 'maxLoss'],
  properties: {
    timeoutMs: { ...timeoutMs, maximum: 86_400_000 },
    source,
    count: { type: 'integer', default: 5, minimum: 1, maximum: 1_000_000, description: 'echoes to send' },
    intervalMs: { type: 'number', default: 200, minimum: 0, maximum: 60_000, description: 'time between two echoes' },
    replyTimeoutMs: { type: 'number', default: 1000, minimum: 1, maximum: 60_000, description: 'how long to wait for the last reply' },
    sizeBytes: { type: 'integer', default: 56, minimum: 16, maximum: 65_000, description: 'echo data, without ICMP and IP headers' },
    identifier: {
      type: 'integer',
      minimum: 1,
      maximum: 65_535,
      description: 'pin the flow: this echo identifier, and one checksum for all echoes, in every run; default: echoes that differ in both',
    },
    maxLoss: { type: 'number', default: 0.1, minimum: 0, maximum: 1, description: 'loss ratio above which it is a failure' },
  },
} as const

const expectAgent = { type: 'string', description: 'the agent whose responder has to answer: another one is not this target' } as const

const udp = {
  type: 'object',
  additionalProperties: false,
  required: ['timeoutMs', 'count', 'intervalMs', 'replyTimeoutMs', 'sizeBytes', 'flows', 'maxLoss'],
  properties: {
    timeoutMs: { ...timeoutMs, maximum: 86_400_000 },
    source,
    count: { type: 'integer', default: 100, minimum: 1, maximum: 1_000_000, description: 'datagrams to send, all flows together' },
    intervalMs: { type: 'number', default: 10, minimum: 0.5, maximum: 60_000, description: 'time between two datagrams' },
    replyTimeoutMs: { type: 'number', default: 1000, minimum: 1, maximum: 60_000, description: 'how long to wait for the last reply' },
    sizeBytes: { type: 'integer', default: 100, minimum: 88, maximum: 1472, description: 'UDP data, without UDP and IP headers' },
    flows: {
      type: 'integer',
      default: 4,
      minimum: 1,
      maximum: 64,
      description: 'source ports to send from in turn: routers share flows over their paths by them',
    },
    sourcePort: {
      type: 'integer',
      minimum: 1024,
      maximum: 65_472,
      description: 'pin the flows: this source port, and with more flows the next ones, in every run; default: fresh ports in each run',
    },
    maxLoss: {
      type: 'number',
      default: 0.1,
      minimum: 0,
      maximum: 1,
      description: 'loss ratio of either direction above which it is a failure',
    },
    expectAgent,
  },
} as const

const tcp = {
  type: 'object',
  additionalProperties: false,
  required: ['timeoutMs', 'flows', 'payloadBytes', 'control'],
  properties: {
    timeoutMs,
    source,
    flows: {
      type: 'integer',
      default: 1,
      minimum: 1,
      maximum: 64,
      description: 'connections to open at the same time, each from a port of its own: routers share flows over their paths by them',
    },
    sourcePort: {
      type: 'integer',
      minimum: 1024,
      maximum: 65_472,
      description:
        'pin the flows: this source port, and with more flows the next ones, in every run; outside of net.ipv4.ip_local_port_range; connections end by a reset',
    },
    payloadBytes: {
      type: 'integer',
      default: 0,
      minimum: 0,
      maximum: 100 * 2 ** 20,
      description: "bytes to send after connecting, to a service that reads what it is sent; an agent's responder sends as many back",
    },
    expectAgent,
    control: { type: 'boolean', default: false, description: 'also connect to ports on which nothing should listen' },
  },
} as const

const tls = {
  type: 'object',
  additionalProperties: false,
  required: ['timeoutMs', 'alpn', 'ladder'],
  properties: {
    timeoutMs,
    source,
    sni,
    alpn,
    ...pem,
    ladder: { type: 'boolean', default: false, description: 'also try a post-quantum-sized and a large ClientHello' },
  },
} as const

const mtu = {
  type: 'object',
  additionalProperties: false,
  required: ['timeoutMs', 'alpn', 'maxSteps', 'tries'],
  properties: {
    timeoutMs: { ...timeoutMs, default: 9000 },
    source,
    sni,
    alpn,
    maxSteps: {
      type: 'integer',
      default: 12,
      minimum: 0,
      maximum: 24,
      description: 'connections of the MSS sweep, per direction, at most',
    },
    tries: { type: 'integer', default: 3, minimum: 1, maximum: 10, description: 'echoes per size' },
    requiredMtu: { type: 'integer', minimum: 68, maximum: 65_535, description: 'path MTU below which it is a failure' },
  },
} as const

const dns = {
  type: 'object',
  additionalProperties: false,
  required: ['timeoutMs', 'resolvers', 'expect'],
  properties: {
    timeoutMs,
    family: { enum: [4, 6], description: 'IP family; without it the first address that the name has' },
    resolvers: {
      type: 'array',
      items: { type: 'string' },
      default: [],
      description: "resolvers to ask, all of them, and compare; default: the system's",
    },
    expect: {
      type: 'array',
      items: { type: 'string' },
      default: [],
      description: 'addresses or prefixes of which every answer must be one',
    },
  },
} as const

/** What each kind measures, and what it does not. */
export const kindTexts: Record<Kind, string> = {
  bundle:
    'A SPIFFE bundle endpoint, https_web or https_spiffe: who serves it, the document, its sequence, refresh hint and authorities, and whether we hold the same.',
  dns: 'Resolves a name: all addresses, latency, the expected answer, and whether several resolvers agree.',
  federation:
    "A credential of another cloud for the token that we hold, step by step: the token, its issuer's documents and signature, the exchange at AWS STS, Entra or Google STS, impersonation, one authorised call. One attempt each; the credential is asked for 15 minutes at most and thrown away.",
  http: 'One request on a fresh connection: status, body, each phase, and how much of the wait was the network and how much the service; gRPC health. Sends a traceparent. No cache, no proxy, no cookie, nothing decompressed beyond its limit.',
  icmp: 'Echoes at a steady interval: RTT by kernel timestamps, jitter, loss, duplicates, reordering, TTL of the replies. No privilege needed.',
  mtls: 'A mutual TLS handshake with SPIFFE: every rule that the peer breaks, whether it is who it should be, and proof that it accepted our certificate. Never a resumed session.',
  mtu: "The path MTU of each direction, by echoes with don't-fragment and by TCP's own segments towards a TLS server; tells silence from packet-too-big, from a clamped MSS, and from this machine's own limit.",
  tcp: "One connect: SYN RTT and SYN retransmits by the kernel, the MSS of each direction; optionally a transfer with retransmits and delivery rate, of both directions when an agent's responder answers.",
  trace:
    'The routers on the way, by packets whose TTL runs out: ICMP, UDP or TCP, each flow with one hash so that every packet of it takes one way. RTT by kernel timestamps and loss of each, length of the way there and back. No privilege needed.',
  udp: "Numbered datagrams to an agent's responder: loss of each direction by itself, RTT by kernel timestamps, jitter, reordering and duplicates each way, over several source ports.",
  tls: 'One handshake on a fresh connection: version, cipher, ALPN, the chain as sent and its dates, also when it does not verify; on a stall which flight was lost and which way; the ladder of ClientHello sizes.',
}

export const optionSchemas = { bundle, dns, federation, http, icmp, mtls, mtu, tcp, tls, trace, udp } as const
export type Options = { [K in Kind]: XStatic<(typeof optionSchemas)[K]> }

const defaultsOf = (properties: Record<string, { default?: unknown; description: string }>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(properties).flatMap(([name, { default: value }]) => (value === undefined ? [] : [[name, value]])))

const defaults = Object.fromEntries(
  Object.entries(optionSchemas).map(([kind, { properties }]) => [kind, defaultsOf(properties)]),
) as Record<Kind, Record<string, unknown>>

/** What `withDefaults` has made, by kind: a path's options are the same in each of its runs. */
const complete = new WeakMap<object, Kind>()

/** The options of a kind with its defaults filled in; what is given wins. Nothing is validated here. Options that are complete come back as they are. */
export const withDefaults = <K extends Kind>(kind: K, given: Partial<Options[K]>): Options[K] => {
  if (complete.get(given) === kind) return given as Options[K]
  const options: Record<string, unknown> = { ...defaults[kind] }
  for (const [name, value] of Object.entries(given)) if (value !== undefined) options[name] = value
  complete.set(options, kind)
  return Object.freeze(options) as Options[K]
}
