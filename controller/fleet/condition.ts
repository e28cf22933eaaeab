/** Conditions of alert rules as people write them: `> 250ms`, `>= 1% and < 5%`. */

import type { AlertRule } from '../../wire/fleet-alerts.ts'
import type { FailLayer } from '../../wire/reasons.ts'
import type { Kind } from '../../wire/result.ts'
import { bad, good, type Parsed, parseDurationMs, parseNumber, parseRatio, quote } from '../../wire/values.ts'

/** Every value from `low` to `high`; `lowIn`: `low` itself too. */
export type Interval = { low: number; lowIn: boolean; high: number; highIn: boolean }

export type ConditionName = Exclude<keyof NonNullable<AlertRule['when']>, 'reason'>
type Metric = {
  read: (text: string) => Parsed<number>
  least: number
  most: number /** Kinds that measure it; all, when absent. */
  kinds?: readonly Kind[]
}

const timed: readonly Kind[] = ['icmp', 'tcp', 'udp', 'trace', 'tls', 'mtls', 'bundle', 'dns', 'http', 'federation']
const duration = { read: parseDurationMs, least: 0, most: Number.POSITIVE_INFINITY }
const ratio = { read: parseRatio, least: 0, most: 1 }
/** Durations in ms, ratios from 0 to 1, sizes in bytes. */
export const metrics: { readonly [N in ConditionName]: Metric } = {
  p50: { ...duration, kinds: timed },
  p95: { ...duration, kinds: timed },
  p99: { ...duration, kinds: timed },
  loss: { ...ratio, kinds: ['icmp', 'udp', 'trace'] },
  retransmits: { ...ratio, kinds: ['tcp', 'tls', 'mtls'] },
  // RFC 791: every host forwards 68 bytes; a length field of 16 bits.
  mtu: { read: parseNumber, least: 68, most: 65_535, kinds: ['mtu'] },
  availability: ratio,
  expiresIn: { ...duration, least: Number.NEGATIVE_INFINITY, kinds: ['tls', 'mtls', 'bundle'] },
}

const overTls: readonly FailLayer[] = ['dns', 'reach', 'tcp', 'tls', 'certificate']
/** The layers of the reasons that a run of a kind can end with. */
export const layersOfKind: { readonly [K in Kind]: readonly FailLayer[] } = {
  dns: ['dns'],
  icmp: ['dns', 'reach'],
  udp: ['dns', 'reach'],
  trace: ['dns', 'reach'],
  tcp: ['dns', 'reach', 'tcp'],
  mtu: ['dns', 'reach', 'path', 'tcp', 'tls'],
  tls: overTls,
  mtls: [...overTls, 'spiffe', 'client auth'],
  bundle: [...overTls, 'spiffe', 'bundle'],
  http: [...overTls, 'http'],
  federation: [...overTls, 'federation', 'http'],
}

const everything: Interval = { low: Number.NEGATIVE_INFINITY, lowIn: true, high: Number.POSITIVE_INFINITY, highIn: true }

/** The values for which a condition holds. */
export const parseCondition = (name: ConditionName, text: string): Parsed<Interval> => {
  let interval = everything
  for (const part of text.split(/\s+and\s+/)) {
    const [, sign, written = ''] = /^\s*(<=|>=|<|>)\s*(\S+)\s*$/.exec(part) ?? []
    if (sign === undefined) return bad(`${quote(text)} is not a condition, want one like "> 250ms" or "> 1% and <= 5%"`)
    const value = metrics[name].read(written)
    if (!value.ok) return value
    const isIn = sign.endsWith('=')
    interval = intersect(
      interval,
      sign.startsWith('>') ? { ...everything, low: value.value, lowIn: isIn } : { ...everything, high: value.value, highIn: isIn },
    )
  }
  return good(interval)
}

export const intersect = (a: Interval, b: Interval): Interval => {
  const [low, high] = [Math.max(a.low, b.low), Math.min(a.high, b.high)]
  return {
    low,
    high,
    lowIn: (a.low < low || a.lowIn) && (b.low < low || b.lowIn),
    highIn: (a.high > high || a.highIn) && (b.high > high || b.highIn),
  }
}

export const isEmpty = ({ low, lowIn, high, highIn }: Interval): boolean => low > high || (low === high && !(lowIn && highIn))

/** The values that a metric can have at all. */
export const rangeOf = (name: ConditionName): Interval => ({
  low: metrics[name].least,
  lowIn: true,
  high: metrics[name].most,
  highIn: true,
})

export const covers = (outer: Interval, inner: Interval): boolean => {
  const both = intersect(outer, inner)
  return both.low === inner.low && both.lowIn === inner.lowIn && both.high === inner.high && both.highIn === inner.highIn
}
