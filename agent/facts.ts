/** Which numbers of a result are kept: the only place that knows what each kind of probe measures. */

import { hopsBehind } from '../judge/route.ts'
import type { CertificateFacts } from '../wire/measured.ts'
import type { PathMeasure, pathMeasures } from '../wire/metrics.ts'
import { layerOfReason } from '../wire/reasons.ts'
import type { AnyResult, Kind, Result } from '../wire/result.ts'
import { firstToEnd } from './first-to-end.ts'
import type { Table } from './table.ts'

type KeyOf<F> = { [K in PathMeasure]: (typeof pathMeasures)[K]['form'] extends F ? K : never }[PathMeasure]

/** The row of a path, for one result after another. `null` is nothing seen, and is not kept. */
export class Row {
  table: Table
  row = 0

  constructor(table: Table) {
    this.table = table
  }

  count(key: KeyOf<'sum'>, n: number | null, first = '', second = ''): void {
    if (n !== null) this.table.add(this.row, key, n, first, second)
  }

  gauge(key: KeyOf<'gauge'>, value: number | null, first = ''): void {
    if (value !== null && Number.isFinite(value)) this.table.set(this.row, key, value, first)
  }

  time(key: KeyOf<'times'>, ms: number | null | undefined, first = ''): void {
    if (ms !== null && ms !== undefined) this.table.sample(this.row, key, ms, first)
  }

  times(key: KeyOf<'times'>, samplesMs: ArrayLike<number>): void {
    this.table.sampleAll(this.row, key, samplesMs)
  }
}

const lifetimeOf = ({ notBefore, notAfter }: CertificateFacts): number => (Date.parse(notAfter) - Date.parse(notBefore)) / 1000

/** When the first of the certificates ends, in Unix seconds, and how long it lives. */
const recordFirstEnd = (chain: readonly CertificateFacts[], row: Row): void => {
  const place = firstToEnd(chain)
  if (place === undefined) return
  const first = chain[place]!
  row.gauge('certificateNotAfter', Date.parse(first.notAfter) / 1000)
  row.gauge('certificateLifetime', lifetimeOf(first))
}

/** The rule for SPIFFE identities that the peer broke; empty when it broke none. */
const brokenRule = ({ outcome, violations }: Result<'mtls'>): string => {
  const codes = [...violations.map(({ code }) => code), ...(outcome.kind === 'fail' ? [outcome.reason] : [])]
  return codes.find(code => layerOfReason(code) === 'spiffe') ?? ''
}

type Facts = { readonly [K in Kind]?: (result: Result<K>, row: Row) => void }

/** A kind that is not here has its outcome, duration and phases kept, as all have. */
const factsByKind: Facts = {
  icmp: ({ measured, samplesMs }, row) => {
    row.count('icmpPackets', measured.sent, 'sent')
    row.count('icmpPackets', measured.received, 'received')
    if (measured.duplicates > 0) row.count('icmpPackets', measured.duplicates, 'duplicate')
    if (measured.reordered > 0) row.count('icmpPackets', measured.reordered, 'reordered')
    if (measured.ttl !== null) row.gauge('pathHops', hopsBehind(measured.ttl), 'reverse')
    if (samplesMs) row.times('rtt', samplesMs)
    else row.time('rtt', measured.rttMs?.p50)
  },
  udp: ({ measured, samplesMs }, row) => {
    const { forward, reverse, suppressed } = measured
    row.count('udpPackets', forward.sent ?? measured.sent, 'forward', 'sent')
    row.count('udpPackets', forward.received, 'forward', 'received')
    row.count('udpPackets', reverse.sent, 'reverse', 'sent')
    row.count('udpPackets', reverse.received ?? measured.received, 'reverse', 'received')
    if (suppressed > 0) row.count('udpPackets', suppressed, 'forward', 'suppressed')
    for (const [direction, { duplicates, reordered }] of Object.entries({ forward, reverse })) {
      if (duplicates) row.count('udpPackets', duplicates, direction, 'duplicate')
      if (reordered) row.count('udpPackets', reordered, direction, 'reordered')
    }
    if (samplesMs) row.times('rtt', samplesMs)
    else row.time('rtt', measured.rttMs?.p50)
  },
  tcp: ({ measured }, row) => {
    row.time('rtt', measured.synRttMs)
    row.count('tcpSegments', measured.segmentsOut, 'forward')
    row.count('tcpRetransmits', measured.retransmits, 'forward')
    row.count('tcpSynRetransmits', measured.synRetransmits)
    if (!measured.reverse) return
    row.count('tcpSegments', measured.reverse.segmentsOut, 'reverse')
    row.count('tcpRetransmits', measured.reverse.retransmits, 'reverse')
  },
  tls: ({ measured, phasesMs }, row) => {
    row.time('rtt', phasesMs['connect'])
    recordFirstEnd(measured.chain, row)
  },
  mtls: (result, row) => {
    const { measured, phasesMs } = result
    row.time('rtt', phasesMs['connect'])
    const leaf = measured.chain[0]
    if (!leaf) return
    row.gauge('svidNotAfter', Date.parse(leaf.notAfter) / 1000)
    row.gauge('svidLifetime', lifetimeOf(leaf))
    // An authority above that ends before the SVID does takes it along.
    if (measured.chain.some(({ notAfter }) => Date.parse(notAfter) < Date.parse(leaf.notAfter))) recordFirstEnd(measured.chain, row)
    row.count('spiffeValidations', 1, measured.trustDomain ?? '', brokenRule(result))
  },
  mtu: ({ measured }, row) => {
    row.gauge('pathMtu', measured.forward.pathMtu, 'forward')
    row.gauge('pathMtu', measured.reverse.pathMtu, 'reverse')
  },
  trace: ({ measured }, row) => {
    row.gauge('pathHops', measured.forwardHops, 'forward')
    row.gauge('pathHops', measured.returnHops, 'reverse')
    row.time('rtt', measured.hops.find(({ ttl }) => ttl === measured.forwardHops)?.rttMs)
  },
  http: ({ measured }, row) => {
    row.time('rtt', measured.rttMs)
    row.time('phase', measured.serverMs, 'server')
    row.count('tcpRetransmits', measured.retransmits, 'forward')
    if (measured.tls) recordFirstEnd(measured.tls.chain, row)
  },
  federation: ({ measured, outcome }, row) => {
    const broken = measured.steps?.find(({ verdict, step }) => verdict === 'fail' && (step === 'exchange' || step === 'impersonation'))
    const before = outcome.kind === 'fail' && !measured.call && outcome.reason
    if (measured.cloud) row.count('federationExchanges', 1, measured.cloud, before || broken?.reason || '')
  },
  bundle: ({ measured }, row) => {
    row.gauge('bundleSequence', measured.sequence === null ? null : Number(measured.sequence))
  },
}

/**
 * Adds one run to the row of its path. Of a run that is this agent's own trouble only that is kept: its losses and times say nothing
 * about the path.
 */
export const recordFacts = (result: AnyResult, row: Row): void => {
  const { outcome, phasesMs, kind } = result
  if (outcome.kind === 'ok') row.count('runs', 1, 'ok')
  else row.count('runs', 1, outcome.kind, outcome.reason)
  if (outcome.kind === 'unmeasured') return
  for (const phase in phasesMs)
    if (phase === 'total') row.time('duration', phasesMs[phase])
    else row.time('phase', phasesMs[phase], phase)
  const facts = factsByKind[kind] as ((result: AnyResult, row: Row) => void) | undefined
  facts?.(result, row)
}
