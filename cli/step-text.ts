/** One step of a run in a few words: its numbers, then what is wrong with it. Plain text, for the terminal and for reports. */
import type { DnsMeasured, IcmpMeasured, MtuMeasured, PathMtu, TcpMeasured, TlsMeasured } from '../wire/measured.ts'
import type { AnyResult } from '../wire/result.ts'
import { printable } from './printable.ts'

/** `35.2 ms`, with as many digits as mean something. */
export const showMs = (ms: number): string => `${ms >= 100 ? Math.round(ms) : ms >= 1 ? ms.toFixed(1) : ms.toFixed(2)} ms`

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

const tcpText = ({ synRttMs, mssForward, mssReverse, bytesAcked, retransmits, control }: TcpMeasured) => [
  ...(synRttMs === null ? [] : [`syn ${showMs(synRttMs)}`]),
  ...(mssForward === null ? [] : [`mss ${mssForward}/${mssReverse ?? '?'}`]),
  ...(bytesAcked === undefined ? [] : [`${bytesAcked} bytes acknowledged`]),
  ...(retransmits ? [`${retransmits} sent again`] : []),
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
  const days = leaf && Math.trunc((Date.parse(leaf.notAfter) - Date.parse(now)) / 86_400_000)
  const expired = leaf !== undefined && leaf.notAfter < now
  return [
    ...(version ? [`${version}${alpn ? ` ${alpn}` : ''}`] : []),
    ...(handshakeMs === null ? [] : [showMs(handshakeMs)]),
    ...(leaf ? [shorten(leaf.subject)] : []),
    ...(days !== undefined && Number.isFinite(days) ? [expired ? `expired ${-days} days ago` : `${days} days left`] : []),
  ]
}

const shorten = (text: string) => (text.length > 60 ? `${text.slice(0, 59)}…` : text)
