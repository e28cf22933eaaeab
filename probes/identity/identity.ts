import type { UnmeasuredReason } from '../../wire/reasons.ts'
import type { Outcome } from '../../wire/result.ts'
import { unmeasured } from '../finding.ts'
import type { Secret } from './secret.ts'

/** One certificate of ours with its key. What it claims is not judged here, only that it can be used. */
export type Svid = {
  /** The SPIFFE ID, where there is one. */
  id?: string
  /** What the Workload API says it is meant for. */
  hint?: string
  /** Leaf first, then the intermediates, as it is to be sent. */
  chainPem: string
  key: Secret
  /** Of the leaf: hex, upper case, without separators. */
  serial: string
  /** Of the leaf, as node:crypto writes it: upper case with colons. Tells whether a server presents this one. */
  fingerprint256: string
  notBeforeMs: number
  notAfterMs: number
}

/** The X.509 authorities of one trust domain. None is a statement too: everything of it is revoked. */
export type TrustBundle = {
  authoritiesPem: string
  authorities: number
  /** The SPIFFE bundle document it was read from, as it came. */
  document?: string
}

/**
 * Problems by name. The first ten are outcomes of a Workload API (reference: SPIFFE_Workload_API.md §4–6, SPIFFE_Workload_Endpoint.md §4);
 * those with `file_` are about files. A null reason: worth a word, and nothing is missing because of it.
 */
export const problemReasons = {
  address_invalid: 'config_invalid',
  socket_missing: 'local_svid_unavailable',
  socket_denied: 'local_svid_unavailable',
  not_workload_api: 'local_svid_unavailable',
  header_rejected: 'local_svid_unavailable',
  no_identity: 'local_svid_unavailable',
  unavailable: 'local_svid_unavailable',
  svid_parse: 'local_svid_unavailable',
  key_mismatch: 'local_svid_unavailable',
  request_refused: 'config_invalid',
  bundle_missing: 'local_bundle_missing',
  stopped: 'aborted',
  file_unreadable: 'config_invalid',
  file_invalid: 'config_invalid',
  file_key_mismatch: 'config_invalid',
  file_stale: null,
  address_unusual: null,
  duplicate_hint: null,
} as const satisfies Record<string, UnmeasuredReason | null>
export type ProblemCode = keyof typeof problemReasons

/** `detail` names the place, what was seen and what to do about it. Never a secret. */
export type IdentityProblem = { code: ProblemCode; reason: UnmeasuredReason | null; detail: string }
export const problem = (code: ProblemCode, detail: string): IdentityProblem => ({ code, reason: problemReasons[code], detail })

/** Who we are and whom we can verify, at one moment. A later state is another object. */
export type Identity = {
  /** Where it comes from, for people: `Workload API at unix:///run/…`, `files …`, `none`. */
  source: string
  /** The first is the default. */
  svids: readonly Svid[]
  /** By name of the trust domain, without `spiffe://`. */
  bundles: ReadonlyMap<string, TrustBundle>
  /** Authorities that belong to no trust domain (`--ca`). */
  caPem?: string
  /** ASN.1 DER certificate revocation lists. */
  crls: readonly Uint8Array[]
  problems: readonly IdentityProblem[]
}

/** Gives the present state; never rejects. The signal bounds how long the first state is waited for. */
export type ReadIdentity = (signal: AbortSignal) => Promise<Identity>

export const buildIdentity = (source: string, parts: Partial<Omit<Identity, 'source'>> = {}): Identity =>
  Object.freeze({ source, svids: [], bundles: new Map(), crls: [], problems: [], ...parts })

/** No certificate, no bundle, and no trouble. */
export const noIdentity: Identity = buildIdentity('none')

/** The default SVID, or the one with this hint. */
export const pickSvid = (identity: Identity, hint?: string): Svid | undefined =>
  hint === undefined ? identity.svids[0] : identity.svids.find(svid => svid.hint === hint)

const judgeMissing = (identity: Identity, reasons: readonly UnmeasuredReason[], reason: UnmeasuredReason, otherwise: string): Outcome => {
  const found = identity.problems.find(one => one.reason !== null && reasons.includes(one.reason))
  return found ? unmeasured(found.reason!, found.detail) : unmeasured(reason, otherwise)
}

/** Why there is no SVID to use: an outcome to report. */
export const judgeNoSvid = (identity: Identity, hint?: string): Outcome => {
  if (hint !== undefined && identity.svids.length > 0) {
    const hints = identity.svids.map(svid => (svid.hint ? `"${svid.hint}"` : 'none')).join(', ')
    return unmeasured('local_svid_unavailable', `${identity.source}: no SVID with the hint "${hint}"; the hints there: ${hints}`)
  }
  const reasons: UnmeasuredReason[] = ['config_invalid', 'local_svid_unavailable', 'aborted']
  return judgeMissing(identity, reasons, 'local_svid_unavailable', `${identity.source}: no SVID there`)
}

/** Why there is no bundle to verify this trust domain with: an outcome to report. */
export const judgeNoBundle = (identity: Identity, trustDomain: string): Outcome => {
  const held = [...identity.bundles.keys()].join(', ') || 'none'
  const otherwise = `${identity.source}: no bundle of ${trustDomain}; bundles held: ${held}; federate with it, or give --bundle ${trustDomain}=<file>`
  if (identity.bundles.size > 0) return unmeasured('local_bundle_missing', otherwise)
  return judgeMissing(identity, ['config_invalid', 'local_bundle_missing', 'local_svid_unavailable'], 'local_bundle_missing', otherwise)
}
