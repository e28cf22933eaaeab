/** Which layer decides, and who can bear witness about it. */
import type { Layer } from '../../wire/causes.ts'
import type { FailReason } from '../../wire/reasons.ts'
import type { PathVerdict } from './verdict.ts'

/**
 * The order in which layers are asked for the fault: the lowest first. DNS stands behind reach and path, since an answer that was lost on the way is
 * `dns_timeout` too, while a path whose name does not resolve never gets as far as being lost.
 */
export const solvingOrder = [
  'local',
  'reach',
  'path',
  'dns',
  'tcp',
  'tls',
  'certificate',
  'identity',
  'federation',
  'http',
] as const satisfies Layer[]
const rankOfLayer = new Map<Layer, number>(solvingOrder.map((layer, rank) => [layer, rank]))

/** What a bad verdict without a layer is taken for, by its kind. */
const usualLayer: Readonly<Record<string, Layer>> = {
  dns: 'dns',
  icmp: 'reach',
  udp: 'reach',
  trace: 'reach',
  mtu: 'path',
  tcp: 'tcp',
  tls: 'tls',
  mtls: 'identity',
  bundle: 'identity',
  http: 'http',
  federation: 'federation',
}

/** The rank of the layer at which a path fails: a place in `solvingOrder`. */
export const rankOf = ({ layer, kind }: PathVerdict): number => rankOfLayer.get(layer ?? usualLayer[kind] ?? 'reach')!

const beyondTcp: readonly Layer[] = ['local', 'reach', 'dns', 'tcp', 'tls', 'certificate']
/**
 * The layers that a good verdict of a kind says are well. A TCP connect says nothing of packets larger than a SYN, so that it is no witness for the
 * path; a handshake with certificates both ways is.
 */
const vouches: Readonly<Record<string, readonly Layer[]>> = {
  icmp: ['local', 'reach'],
  udp: ['local', 'reach'],
  trace: ['local', 'reach'],
  dns: ['local', 'dns'],
  mtu: ['local', 'reach', 'path'],
  tcp: ['local', 'reach', 'tcp'],
  tls: beyondTcp,
  mtls: [...beyondTcp, 'path', 'identity'],
  bundle: [...beyondTcp, 'identity'],
  http: [...beyondTcp, 'http'],
  federation: [...beyondTcp, 'federation'],
}
const masks = new Map(
  Object.entries(vouches).map(([kind, layers]) => [kind, layers.reduce((mask, layer) => mask | (1 << rankOfLayer.get(layer)!), 0)]),
)

/** One bit per rank that a good verdict of the kind speaks for. */
export const vouchMask = (kind: string): number => masks.get(kind) ?? 0

/** Failures in which nothing came back: what is broken below brings them about, so that a fault found below accounts for them. */
const silences: readonly FailReason[] = [
  'dns_timeout',
  'no_reply',
  'packet_loss',
  'host_unreachable',
  'network_unreachable',
  'admin_prohibited',
  'ttl_exceeded',
  'mtu_black_hole',
  'tcp_timeout',
  'tcp_reset',
  'tls_reset',
  'tls_timeout',
  'tls_stalled',
  'client_auth_unconfirmed',
  'client_cert_rejected_silent',
  'bundle_unreachable',
  'issuer_unreachable',
  'http_timeout',
]
const silentLayers: readonly Layer[] = ['reach', 'path', 'dns', 'tcp', 'tls']

/** Whether a fault further down can be the reason. An expired certificate proves that the way to it works, and is never absorbed. */
export const isSilence = ({ reason, layer }: PathVerdict): boolean =>
  reason !== undefined ? silences.includes(reason) : layer === undefined || silentLayers.includes(layer)

/** Silent ICMP beside TCP that works is a filter, which is no fault: many balancers and gateways never answer it. Loss is one: some echoes did come back. */
export const isFiltered = ({ kind, reason }: PathVerdict): boolean =>
  (kind === 'icmp' || kind === 'trace') && (reason === undefined || reason === 'no_reply' || reason === 'admin_prohibited')
export const [reachRank, tcpRank] = [rankOfLayer.get('reach')!, rankOfLayer.get('tcp')!]

/** Layers at which what is lost is packets, so that both directions of a probe fail whichever way they were lost. */
export const losesPackets = (rank: number): boolean => rank <= tcpRank
