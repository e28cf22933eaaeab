/** From what a file holds to the document that `probe inspect` prints. */
import { type Bundle, judgeBundle } from '../judge/spiffe/bundle.ts'
import { listAuthorities } from '../judge/spiffe/bundle-compare.ts'
import type { Certificate } from '../judge/spiffe/certificate.ts'
import { parseSpiffeId, printSpiffeId } from '../judge/spiffe/id.ts'
import type { JsonObject } from '../judge/spiffe/json.ts'
import { judgeJwtSvid } from '../judge/spiffe/jwt-svid.ts'
import type { Matcher } from '../judge/spiffe/match.ts'
import { sayNames } from '../judge/spiffe/names.ts'
import { iso, roleOf } from '../judge/spiffe/path.ts'
import { byPrecedence } from '../judge/spiffe/rules.ts'
import { judgeClaims, type Token } from '../judge/spiffe/token.ts'
import type { SpiffeWarning } from '../judge/spiffe/warnings.ts'
import { judgeX509Svid } from '../judge/spiffe/x509-svid.ts'
import type { CertificateFacts } from '../wire/measured.ts'
import type { FailReason, UnmeasuredReason } from '../wire/reasons.ts'
import { isOrdinary, judgeOrdinary } from './inspect-ordinary.ts'
import type { Content, Key, NamedBundles } from './inspect-read.ts'

export type InspectedCertificate = CertificateFacts & {
  role: 'leaf' | 'intermediate' | 'authority' | 'unused'
  ca: boolean
  keyUsage: string[] | null
}

export type InspectDocument = {
  schema: 'causeway.inspect/1'
  type: 'x509-svid' | 'certificate' | 'bundle' | 'jwt-svid' | 'token'
  /** The time that it was judged for; ISO 8601, UTC. */
  at: string
  id: string | null
  ok: boolean
  /** `rule` says which rule of the specification is broken, where one is. */
  violations: { code: FailReason | UnmeasuredReason; rule?: string; detail: string }[]
  warnings: SpiffeWarning[]
  /** Whether the chain, or the signature, leads to the bundle of its trust domain or to `--ca`; null when none was given. */
  verified?: boolean | null
  /** Whether the private key is the certificate's; null when it could not be compared. */
  keyMatches?: boolean | null
  certificates?: InspectedCertificate[]
  authorities?: { x509: number; jwt: number }
  keyIds?: string[]
  sequence?: string | null
  refreshHintSeconds?: number | null
  header?: JsonObject
  claims?: JsonObject
}

export type InspectContext = {
  nowMs: number
  bundles?: NamedBundles
  ca?: readonly Certificate[]
  expect?: Matcher
  audience?: string
  key?: Key
}
type Judged = Omit<InspectDocument, 'schema' | 'at' | 'ok'>

export const judgeContent = async (content: Content, context: InspectContext): Promise<InspectDocument> => {
  const judged =
    content.type === 'chain'
      ? judgeChainFile(content.chain, context, context.key ?? content.key)
      : content.type === 'bundle'
        ? judgeBundleFile(content.read, context)
        : await judgeTokenFile(content.token, context)
  const { type, id, violations, warnings, ...rest } = judged
  return { schema: 'causeway.inspect/1', type, at: iso(context.nowMs), id, ok: !violations.length, violations, warnings, ...rest }
}

const mostNames = 100
const mostCertificates = 100

const factsOf = (one: Certificate, role: InspectedCertificate['role']): InspectedCertificate => ({
  role,
  subject: one.subject,
  issuer: one.issuer,
  notBefore: iso(one.notBeforeMs),
  notAfter: iso(one.notAfterMs),
  sans: sayNames(one.names, mostNames),
  serial: one.serial,
  fingerprint256: one.fingerprint256,
  ca: one.basicConstraints?.ca ?? false,
  keyUsage: one.keyUsage && [...one.keyUsage.bits],
})

/** The path from the leaf on, then what was sent besides. */
const listCertificates = (
  chain: readonly Certificate[],
  path: readonly Certificate[],
  endsInAuthority: boolean,
): InspectedCertificate[] => {
  const used = new Set(path.map(one => one.fingerprint256))
  return [
    ...path.map((one, index) => factsOf(one, roleOf(index, path.length, endsInAuthority))),
    ...chain.filter(one => !used.has(one.fingerprint256)).map(one => factsOf(one, 'unused')),
  ].slice(0, mostCertificates)
}

const pick = <T>(bundles: NamedBundles | undefined, part: (bundle: Bundle) => T): Map<string, T> | undefined =>
  bundles && new Map([...bundles].map(([trustDomain, bundle]) => [trustDomain, part(bundle)]))

type Chain = Extract<Content, { type: 'chain' }>['chain']

const judgeChainFile = (chain: Chain, context: InspectContext, key: Key | undefined): Judged => {
  const judged = isOrdinary(chain[0], context) ? judgeOrdinaryFile(chain, context) : judgeSvid(chain, context)
  if (!key) return judged
  if (!key.ok && /encrypted/.test(key.problem))
    return { ...judged, keyMatches: null, warnings: [...judged.warnings, { code: 'key_not_compared', detail: key.problem }] }
  const keyMatches = key.ok && chain[0].x509.checkPrivateKey(key.key)
  if (keyMatches) return { ...judged, keyMatches }
  const detail = key.ok ? 'the private key is not the key of this certificate' : key.problem
  return { ...judged, keyMatches, violations: [{ code: 'config_invalid', rule: 'key_mismatch', detail }, ...judged.violations] }
}

/** `--ca` counts for the leaf's own trust domain where that has no bundle, as it does for a probe. */
const bundlesFor = (leaf: Certificate, { bundles, ca }: InspectContext): Map<string, readonly Certificate[]> | undefined => {
  const held = pick(bundles, one => one.x509)
  const own = leaf.names.uris[0] === undefined ? undefined : parseSpiffeId(leaf.names.uris[0])
  if (!ca || !own?.ok || held?.has(own.id.trustDomain)) return held
  return new Map([...(held ?? []), [own.id.trustDomain, ca]])
}

const judgeSvid = (chain: Chain, context: InspectContext): Judged => {
  const { nowMs, expect } = context
  const { id, violations, warnings, verified, path } = judgeX509Svid(chain, { nowMs, bundles: bundlesFor(chain[0], context), expect })
  const certificates = listCertificates(chain, path, verified === true)
  return { type: 'x509-svid', id: id && printSpiffeId(id), violations, warnings, verified, certificates }
}

const judgeOrdinaryFile = (chain: Chain, { nowMs, ca }: InspectContext): Judged => {
  const { path, ...judged } = judgeOrdinary(chain, nowMs, ca)
  const certificates = listCertificates(chain, path, judged.verified === true && path.length > 1)
  return { type: 'certificate', id: null, ...judged, certificates }
}

const judgeBundleFile = (read: Extract<Content, { type: 'bundle' }>['read'], { nowMs }: InspectContext): Judged => {
  const { bundle } = read
  const judged = judgeBundle(bundle, nowMs)
  const json = bundle.form === 'endpoint' || bundle.form === 'workload-api'
  return {
    type: 'bundle',
    id: null,
    violations: byPrecedence([...read.violations, ...judged.violations]),
    warnings: [...read.warnings, ...judged.warnings],
    certificates: bundle.x509.slice(0, mostCertificates).map(one => factsOf(one, 'authority')),
    authorities: { x509: bundle.x509.length, jwt: bundle.jwt.length },
    keyIds: listAuthorities(bundle)
      .filter(one => one.kind === 'jwt')
      .slice(0, mostNames)
      .map(one => one.name),
    ...(json ? { sequence: bundle.sequence?.toString() ?? null, refreshHintSeconds: bundle.refreshHintSeconds } : {}),
  }
}

/** A token of another issuer than a SPIFFE identity plane, unless something of SPIFFE was asked. */
const judgeTokenFile = async (token: Token, { nowMs, bundles, expect, audience }: InspectContext): Promise<Judged> => {
  const { header, claims } = token
  const isSpiffe = typeof claims.sub === 'string' && /^spiffe:/i.test(claims.sub)
  if (!isSpiffe && !bundles && !expect) {
    const { violations, warnings } = judgeClaims(claims, { nowMs, audience })
    return { type: 'token', id: null, violations: byPrecedence(violations), warnings, header, claims }
  }
  const judged = await judgeJwtSvid(token, { nowMs, audience, expect, bundles: pick(bundles, one => one.jwt) })
  return { type: 'jwt-svid', ...judged, id: judged.id && printSpiffeId(judged.id), header, claims }
}
