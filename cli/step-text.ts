/** One step of a run in a few words: its numbers, then what is wrong with it. Plain text, for the terminal and for reports. */
import type { DnsMeasured, IcmpMeasured, MtuMeasured, PathMtu, TlsMeasured, UdpDirection, UdpMeasured } from '../wire/measured.ts'
import type { HttpMeasured } from '../wire/measured-http.ts'
import type { BundleMeasured, ClientAuth, HoldMeasured, MtlsMeasured } from '../wire/measured-identity.ts'
import type { TcpMeasured } from '../wire/measured-tcp.ts'
import type { AnyResult } from '../wire/result.ts'
import { sayWhole } from '../wire/say-duration.ts'
import { federationText } from './federation-text.ts'
import { printable } from './printable.ts'
import { showMs } from './show-ms.ts'
import { traceText } from './trace-text.ts'

/** The pieces of a step's line, made printable. The numbers of a black hole say it all. */
export const stepText = (result: AnyResult): string[] => {
  const { outcome } = result
  const said = outcome.kind === 'ok' || (outcome.kind === 'fail' && outcome.reason === 'mtu_black_hole')
  const verdict = said ? [] : [outcome.kind === 'fail' ? outcome.detail : `not measured: ${outcome.detail}`]
  return [...numbersOf(result), ...verdict].map(printable).filter(Boolean)
}

/** What could not be measured has no numbers to show, and after a fault of the program not even empty ones. */
const numbersOf = (result: AnyResult): string[] => {
  if (result.outcome.kind === 'unmeasured') return []
  switch (result.kind) {
    case 'dns':
      return dnsText(result.measured)
    case 'icmp':
      return icmpText(result.measured)
    case 'mtu':
      return mtuText(result.measured)
    case 'tcp':
      return tcpText(result.measured)
    case 'tls':
      return tlsText(result.measured, result.startedAt)
    case 'mtls':
      return mtlsText(result.measured)
    case 'trace':
      return traceText(result.measured)
    case 'udp':
      return udpText(result.measured)
    case 'bundle':
      return bundleText(result.measured)
    case 'http':
      return httpText(result.measured)
    case 'federation':
      return federationText(result.measured)
  }
}

const dnsText = ({ addresses, latencyMs, resolver }: DnsMeasured) => {
  if (!addresses.length) return []
  const more = addresses.length > 3 ? ` and ${addresses.length - 3} more` : ''
  return [
    `${addresses.slice(0, 3).join(', ')}${more}`,
    ...(latencyMs === null ? [] : [showMs(latencyMs)]),
    ...(resolver ? [`from ${resolver}`] : []),
  ]
}

const icmpText = ({ sent, received, rttMs, ttl, duplicates }: IcmpMeasured) => {
  if (!sent) return []
  return [
    `${received}/${sent} replies`,
    ...(rttMs ? [`rtt p50 ${showMs(rttMs.p50)}  p95 ${showMs(rttMs.p95)}`] : []),
    ...(ttl === null ? [] : [`ttl ${ttl}`]),
    ...(duplicates ? [`${duplicates} duplicates`] : []),
  ]
}

const mtuText = ({ forward, reverse, facts }: MtuMeasured) => {
  const size = (path: PathMtu) => (path.pathMtu === null ? undefined : `${path.atLeast ? '≥ ' : ''}${path.pathMtu}`)
  const [there, back] = [size(forward), size(reverse)]
  const holes = [...(forward.blackHole ? ['forward'] : []), ...(reverse.blackHole ? ['reverse'] : [])]
  return [
    ...(there ? [`forward ${there}${back ? '' : ' bytes'}`] : []),
    ...(back ? [`reverse ${back} bytes`] : []),
    ...(holes.length ? [`black hole ${holes.length === 2 ? 'both ways' : holes[0]}`] : []),
    ...(forward.clamped || reverse.clamped ? ['MSS clamped'] : []),
    ...facts,
  ]
}

const udpText = ({ sent, received, rttMs, forward, reverse, flows, suppressed }: UdpMeasured) => {
  if (!sent) return []
  const lost = (name: string, way: UdpDirection) =>
    way.lossRatio === null || way.sent === null || way.received === null ? [] : [`${name} ${way.sent - way.received}/${way.sent} lost`]
  const dead = flows.filter(flow => flow.received === 0).length
  return [
    `${received}/${sent} replies`,
    ...(received < sent ? [...lost('forward', forward), ...lost('reverse', reverse)] : []),
    ...(rttMs ? [`rtt p50 ${showMs(rttMs.p50)}  p95 ${showMs(rttMs.p95)}`] : []),
    ...(forward.jitterMs === null || reverse.jitterMs === null
      ? []
      : [`jitter ${showMs(forward.jitterMs)} there, ${showMs(reverse.jitterMs)} back`]),
    ...(dead > 0 && dead < flows.length ? [`${dead} of ${flows.length} flows silent`] : []),
    ...(suppressed ? [`${suppressed} over the responder's rate cap`] : []),
  ]
}

const tcpText = ({ synRttMs, mssForward, mssReverse, bytesAcked, retransmits, reverse, control }: TcpMeasured) => [
  ...(synRttMs === null ? [] : [`syn ${showMs(synRttMs)}`]),
  ...(mssForward === null ? [] : [`mss ${mssForward}/${mssReverse ?? '?'}`]),
  ...(bytesAcked === undefined ? [] : [`${bytesAcked} bytes acknowledged`]),
  ...(retransmits ? [`${retransmits} sent again`] : []),
  ...(reverse
    ? [`${reverse.bytesSent} bytes back${reverse.retransmits ? `, ${reverse.retransmits} segments of them sent again` : ''}`]
    : []),
  ...controlText(control),
]

/** Ports on which nothing should listen, and that answered all the same. */
export const controlText = (control: TcpMeasured['control']): string[] => {
  const accepted = (control ?? []).filter(one => one.accepted).map(one => one.port)
  return accepted.length
    ? [`also accepts ${accepted.length > 1 ? 'ports' : 'port'} ${accepted.join(', ')}, where nothing should listen`]
    : []
}

const tlsText = ({ version, alpn, handshakeMs, chain }: TlsMeasured, now: string) => {
  const leaf = chain[0]
  const leftMs = leaf && Date.parse(leaf.notAfter) - Date.parse(now)
  return [
    ...(version ? [`${version}${alpn ? ` ${alpn}` : ''}`] : []),
    ...(handshakeMs === null ? [] : [showMs(handshakeMs)]),
    ...(leaf ? [shorten(leaf.subject)] : []),
    ...(leftMs !== undefined && Number.isFinite(leftMs) ? [showLeft(leftMs)] : []),
  ]
}

const answers: Record<ClientAuth, string> = {
  accepted: 'it accepted us',
  rejected: 'it refused us',
  unconfirmed: 'no word on our certificate',
  not_requested: 'it asked for no certificate',
}

const mtlsText = ({ version, peerId, ourId, clientAuth, expiry, withoutCertificate, hold }: MtlsMeasured) => [
  ...(version ? [version] : []),
  ...(peerId ? [`peer ${peerId}`] : []),
  ...(ourId ? [`we are ${ourId}`] : []),
  ...(version ? [answers[clientAuth]] : []),
  ...(expiry ? [showLeft(1000 * expiry.secondsLeft)] : []),
  ...(withoutCertificate === 'refused' ? ['without a certificate: refused'] : []),
  ...(hold ? [showHold(hold)] : []),
]

const showHold = ({ heldMs, cut, fresh, failed, changedAfterMs }: HoldMeasured): string => {
  const held = cut ? `held connection cut after ${cut.afterMs} ms` : `one connection held for ${heldMs} ms`
  const change = changedAfterMs === undefined ? '' : `, a new certificate after ${changedAfterMs} ms`
  return `${held}, ${fresh} fresh beside it${failed ? `, ${failed} failed` : ''}${change}`
}

/** `3 days left`, or since when it is over. */
const showLeft = (ms: number): string => (ms < 0 ? `expired ${sayWhole(ms)} ago` : `${sayWhole(ms)} left`)

const bundleText = ({ httpStatus, sequence, refreshHintSeconds, authorities, endpointId }: BundleMeasured) => {
  if (httpStatus === null) return []
  const of = (kind: 'x509' | 'jwt') => authorities.filter(one => one.kind === kind).length
  const missing = authorities.filter(one => one.heldHere === false).length
  return [
    `HTTP ${httpStatus}`,
    ...(endpointId ? [`served by ${endpointId}`] : []),
    `${of('x509')} X.509 and ${of('jwt')} JWT authorities`,
    ...(sequence === null ? [] : [`sequence ${sequence}`]),
    ...(refreshHintSeconds === null ? [] : [`refresh ${refreshHintSeconds} s`]),
    ...(missing ? [`${missing} not held here`] : []),
  ]
}

const httpText = ({ status, protocol, grpc, firstByteMs, serverMs, rttMs, bodyBytes, truncated, redirects, url }: HttpMeasured) => [
  ...(redirects.length ? [`${redirects.length} ${redirects.length === 1 ? 'redirect' : 'redirects'} to ${shorten(url)}`] : []),
  ...(status === null ? [] : [`${protocol} ${status}`]),
  ...(grpc?.health ? [grpc.health] : []),
  ...(firstByteMs === null ? [] : [`first byte ${showMs(firstByteMs)}`]),
  ...(serverMs === null || rttMs === null ? [] : [`service ${showMs(serverMs)}, network ${showMs(rttMs)}`]),
  ...(status === null || grpc ? [] : [`${truncated ? '≥ ' : ''}${bodyBytes} bytes`]),
]

const shorten = (text: string) => (text.length > 60 ? `${text.slice(0, 59)}…` : text)
