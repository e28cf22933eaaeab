import type { Diagnosis } from '../../wire/causes.ts'
import {
  type FailReason,
  failReasonsByLayer,
  layerOfReason,
  type UnmeasuredReason,
  unmeasuredReasonTexts,
  type WarningCode,
} from '../../wire/reasons.ts'
import type { AnyResult, Kind, Result, Target } from '../../wire/result.ts'
import { clean } from './say.ts'

/** What one run saw of one target, as the explainers look at it: one result of each kind, and which failures nobody has explained yet. */
export type Seen = {
  target: Target
  /** ISO 8601, UTC: by which clock certificates are judged. */
  startedAt: string
  results: readonly AnyResult[]
  /** Failing results that no explainer has taken yet. */
  open: ReadonlySet<AnyResult>
  /** What the target itself sees of the way to us, at the same time. */
  returnTrace?: Result<'trace'>
} & { [K in Kind]?: Result<K> }

/** One cause or family of causes: says what is wrong, or nothing when this is not it. */
export type Explain = (seen: Seen) => Diagnosis | undefined

const failed = (result: AnyResult): boolean => result.outcome.kind === 'fail'

/** Of several results of a kind the first failing one counts. */
const pick = <K extends Kind>(results: readonly AnyResult[], kind: K): Result<K> | undefined => {
  const same = results.filter(result => result.kind === kind) as Result<K>[]
  return same.find(result => result.outcome.kind === 'fail') ?? same[0]
}

export const buildSeen = (results: readonly AnyResult[], startedAt: string, returnTrace?: Result<'trace'>): Seen => ({
  ...(returnTrace && { returnTrace }),
  target: (results.find(result => result.target.address !== undefined) ?? results[0])?.target ?? { host: 'the target' },
  startedAt,
  results,
  open: new Set(results.filter(failed)),
  dns: pick(results, 'dns'),
  icmp: pick(results, 'icmp'),
  mtu: pick(results, 'mtu'),
  tcp: pick(results, 'tcp'),
  tls: pick(results, 'tls'),
  mtls: pick(results, 'mtls'),
  bundle: pick(results, 'bundle'),
  trace: pick(results, 'trace'),
  udp: pick(results, 'udp'),
  http: pick(results, 'http'),
  federation: pick(results, 'federation'),
})

/** The kind that was asked for by name, as far as results show it: the only one besides the look-up. Undefined for a whole ladder. */
export const onlyKindOf = ({ results }: Pick<Seen, 'results'>): Kind | undefined => {
  const steps = new Set(results.map(({ kind }) => kind).filter(kind => kind !== 'dns'))
  return steps.size === 1 ? [...steps][0] : undefined
}

/** Why a result failed; undefined when it did not. */
export const reasonOf = (result: AnyResult | undefined): FailReason | undefined =>
  result?.outcome.kind === 'fail' ? result.outcome.reason : undefined

/** Why the step of this kind failed, unless another cause has explained that already. */
export const openReason = (seen: Seen, kind: Kind): FailReason | undefined =>
  [...seen.open].some(result => result === seen[kind]) ? reasonOf(seen[kind]) : undefined

/** The first unexplained failure with one of these reasons, of whatever kind. */
export const findOpen = (seen: Seen, reasons: readonly FailReason[]): AnyResult | undefined =>
  [...seen.open].find(result => reasons.includes(reasonOf(result)!))

/** A connection that came up, and whose data was not acknowledged or not answered: whatever it is, nobody filters the port. */
export const isStalledTransfer = (result: AnyResult | undefined): result is Result<'tcp'> =>
  result?.kind === 'tcp' && reasonOf(result) === 'tcp_timeout' && typeof result.measured.synRttMs === 'number'

const reasonTexts: Record<string, string> = { ...Object.assign({}, ...Object.values(failReasonsByLayer)), ...unmeasuredReasonTexts }

/** What a reason means, in a few words. */
export const textOf = (reason: FailReason | UnmeasuredReason): string => reasonTexts[reason] ?? reason

/** What the probe said about a result, seen and wanted; where it said nothing, what its reason means. Empty for a result that is ok. */
export const sayDetail = (result: AnyResult | undefined): string => {
  if (result === undefined || result.outcome.kind === 'ok') return ''
  return clean(result.outcome.detail) || textOf(result.outcome.reason)
}

/** What a port is for, where the check says more than its number. */
export const sayRole = ({ bundle }: Seen, result: AnyResult): string =>
  result.kind === 'bundle' ? `, the bundle endpoint${bundle?.measured.trustDomain ? ` of ${clean(bundle.measured.trustDomain)}` : ''},` : ''

/** What grows old while nobody can fetch a bundle. */
export const sayOutage = (result: AnyResult): string | false =>
  result.kind === 'bundle' && 'while peers cannot fetch the bundle, their copies grow old: what the next authority signs will be refused'

export const warned = (result: AnyResult | undefined, code: WarningCode): boolean =>
  result?.warnings.some(warning => warning.code === code) ?? false

export const isOk = (result: AnyResult | undefined): boolean => result?.outcome.kind === 'ok'

/** Ports on which nothing should listen were tried, and each accepted: then an open port proves nothing. */
export const acceptsEverything = (result: AnyResult | undefined): boolean => {
  const control = result?.kind === 'tcp' ? (result.measured.control ?? []) : []
  return control.length > 0 && control.every(({ accepted }) => accepted)
}

/** A TLS failure that says at least: there was a connection. */
const connected = (result: AnyResult): boolean => {
  const reason = reasonOf(result)
  return isOk(result) || (reason !== undefined && !['dns', 'reach', 'path', 'tcp'].includes(layerOfReason(reason)))
}

/** TCP works: a connection came up, and not only because something accepts every port. */
export const tcpWorks = (results: readonly AnyResult[]): boolean => {
  const proxied = results.some(acceptsEverything)
  return results.some(
    result =>
      (result.kind === 'tcp' && isOk(result) && !proxied) || (result.kind === 'tls' && (proxied ? isOk(result) : connected(result))),
  )
}

/** IPv6, by what was probed or, before resolving, by how the host is written. */
export const isIpv6 = (target: Target): boolean => target.family === 6 || (target.address ?? target.host).includes(':')
