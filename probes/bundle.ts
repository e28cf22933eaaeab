import { type Bundle, judgeBundle, maxBundleBytes, readBundle, readBundleJson } from '../judge/spiffe/bundle.ts'
import { listAuthorities } from '../judge/spiffe/bundle-compare.ts'
import type { BundleMeasured } from '../wire/measured-identity.ts'
import type { Options } from '../wire/options.ts'
import type { Violation, Warning } from '../wire/result.ts'
import { type Answer, fetchDocument, sayLocation } from './bundle-fetch.ts'
import { compareWithHeld, type HeldBundle } from './bundle-held.ts'
import { type BundleRecord, compareWithBefore } from './bundle-history.ts'
import { judgeLead } from './bundle-lead.ts'
import { judgeServer, judgeSilentRefusal, type Server } from './bundle-server.ts'
import { aborted, type Finding, fail, ok, type Probe, type Resolved, timedOut, unmeasured } from './finding.ts'
import type { Identity } from './identity/identity.ts'
import { identityMs, openIdentity } from './identity/source.ts'
import { shakeHands } from './net/handshake.ts'
import { ContextError } from './net/secure-context.ts'
import { DialError } from './net/tcp-socket.ts'
import { bundlesOf } from './peer.ts'
import { watchForStall } from './stall.ts'
import { judgeDial } from './tcp-errors.ts'
import { handshakeOptions, judgeUnfinished, noTls } from './tls.ts'

const watchMs = 50

/**
 * Fetches a SPIFFE bundle document once, on a fresh connection, with no redirect followed (SPIFFE_Federation §5): who serves it, by the profile
 * configured; whether it is a bundle; its sequence, refresh hint and authorities; and which of them we hold ourselves.
 */
export const probeBundle: Probe<'bundle'> = async (target, options, signal, _allow, sources = { identity: openIdentity }) => {
  const identity = await sources.identity({ bundles: options.bundles, workloadApi: options.workloadApi })(
    AbortSignal.any([signal, AbortSignal.timeout(identityMs(options.timeoutMs))]),
  )
  const measured = noBundle(target, options)
  try {
    const dialling = { ...handshakeOptions(target, { ...options, alpn: [] }), hello: 'small' as const, heedRequest: true }
    return await shakeHands(
      dialling,
      signal,
      watchForStall(watchMs, () => {}),
      async ({ end, tls, requested }) => {
        if (end.kind !== 'done') {
          const unfinished = judgeUnfinished(end, noTls(options, target), { timeoutMs: options.timeoutMs }, signal)
          return { outcome: unfinished, measured, phasesMs: {}, warnings: [] }
        }
        const server = judgeServer(tls, target, options, measured, identity)
        const start = performance.now()
        const answer = await fetchDocument(tls, target, options.path, signal)
        const phasesMs = { http: Math.round((performance.now() - start) * 1e3) / 1e3 }
        return { ...judgeAnswer(answer, { server, requested, measured, options, identity }, signal), measured, phasesMs }
      },
    )
  } catch (error) {
    if (error instanceof ContextError) return { outcome: unmeasured('config_invalid', error.message), measured, phasesMs: {}, warnings: [] }
    if (!(error instanceof DialError)) throw error
    const outcome = judgeDial(error, target, signal)
    return { outcome, measured, phasesMs: {}, warnings: [] }
  }
}

const profileOf = (options: Options['bundle']): BundleMeasured['profile'] =>
  options.profile ?? (options.endpointId ? 'https_spiffe' : 'https_web')

const noBundle = (target: Resolved, options: Options['bundle']): BundleMeasured => ({
  url: `https://${target.host}${target.port === 443 ? '' : `:${target.port}`}${options.path}`,
  profile: profileOf(options),
  httpStatus: null,
  contentType: null,
  trustDomain: options.trustDomain ?? null,
  endpointId: null,
  sequence: null,
  refreshHintSeconds: null,
  bytes: 0,
  authorities: [],
})

type Judged = Pick<Finding<'bundle'>, 'outcome' | 'warnings' | 'violations'>
type Context = { server: Server; requested: boolean; measured: BundleMeasured; options: Options['bundle']; identity: Identity }

const judgeAnswer = (answer: Answer | Error, context: Context, signal: AbortSignal): Judged => {
  const { server, measured } = context
  const failed = (code: Violation['code'], detail: string): Judged => settle(server, [{ code, detail }], [])
  if (signal.aborted && !timedOut(signal)) return { outcome: aborted, warnings: [] }
  if (signal.aborted) return failed('bundle_unreachable', 'no complete answer in time')
  if (answer instanceof Error) return settle(server, [judgeSilentRefusal(answer, context.requested)], [])
  measured.httpStatus = answer.status
  measured.contentType = answer.contentType
  measured.bytes = answer.body.length
  if (answer.status >= 300 && answer.status < 400)
    return failed(
      'bundle_http_status',
      `HTTP ${answer.status} from ${measured.url}, which points to ${sayLocation(answer.location, measured.url)}, want 200; redirects are not followed: configure the address that serves the bundle`,
    )
  if (answer.status !== 200) return failed('bundle_http_status', `HTTP ${answer.status} from ${measured.url}, want 200`)
  if (answer.tooLarge) return failed('bundle_malformed', `more than ${maxBundleBytes} bytes, which no bundle needs`)
  return judgeDocument(answer, context)
}

const judgeDocument = (answer: Answer, { server, measured, options, identity }: Context): Judged => {
  const read = readBundle(answer.body, 'endpoint')
  if (!read.ok) return settle(server, plain(read.violations), [])
  const { bundle } = read
  if (bundle.form === 'pem' || bundle.form === 'der') {
    const detail = `the document is ${bundle.form.toUpperCase()}, want a JWK set in JSON (SPIFFE_Trust_Domain_and_Bundle §4)`
    return settle(server, [{ code: 'bundle_malformed', detail }], [])
  }
  const nowMs = Date.now()
  const judged = judgeBundle(bundle, nowMs)
  const held = heldOf(identity, options.trustDomain)
  measureBundle(measured, bundle, held)
  const aligned = compareWithHeld(bundle, held, options.trustDomain ?? '', nowMs)
  const watched = watch(measured.url, bundle, answer, server, nowMs)
  const unpublished = judgeSigner(bundle, server, measured)
  const violations = [...plain(read.violations), ...plain(judged.violations), ...watched.violations, ...unpublished, ...aligned.violations]
  const isKeyless = read.violations.some(({ rule }) => rule === 'keys_missing')
  if (bundle.x509.length + bundle.jwt.length === 0 && !isKeyless)
    violations.push({ code: 'bundle_empty', detail: 'the bundle has no authority: valid, and it revokes everything of this trust domain' })
  const said = judged.warnings.filter(({ code }) => code !== 'bundle_empty')
  return settle(server, violations, [...read.warnings, ...said, ...watched.warnings, ...aligned.warnings])
}

const plain = (violations: readonly Violation[]): Violation[] => violations.map(({ code, detail, rule }) => ({ code, detail, rule }))

const settle = (server: Server, found: Violation[], warnings: Warning[]): Judged => {
  const violations = [...server.violations, ...found]
  const [first] = violations
  return {
    outcome: first ? fail(first.code, first.detail) : (server.unmeasured ?? ok),
    violations,
    warnings: [...server.warnings, ...warnings],
  }
}

/** What signs has to be published before (SPIFFE_Federation §4.1): an endpoint that is in step knows the authority of its own SVID. */
const judgeSigner = ({ x509 }: Bundle, { signer }: Server, { endpointId, trustDomain }: BundleMeasured): Violation[] => {
  const own = endpointId?.startsWith(`spiffe://${trustDomain}/`)
  if (!signer || !own || x509.some(one => one.spki256 === signer.authority.spki256)) return []
  const { subject, fingerprint256 } = signer.authority
  const detail = `the endpoint's own SVID is signed by ${fingerprint256.slice(0, 11)}… ("${subject}"), which the document does not have: it serves an old bundle`
  return [{ code: 'bundle_stale', detail }]
}

/** Our own copy; undefined when there is none, or nobody said whose bundle it is. */
const heldOf = (identity: Identity, trustDomain: string | undefined): HeldBundle | undefined => {
  const authorities = trustDomain === undefined ? undefined : bundlesOf(identity).get(trustDomain)
  if (!authorities) return undefined
  const document = identity.bundles.get(trustDomain!)?.document
  const read = document === undefined ? undefined : readBundleJson(document)
  return { authorities, sequence: read?.ok ? read.bundle.sequence : null }
}

/** What the endpoint publishes, and whether we hold each authority: what is missing here breaks as soon as it signs. */
const measureBundle = (measured: BundleMeasured, bundle: Bundle, held: HeldBundle | undefined): void => {
  const ours = held && new Set(held.authorities.map(one => one.fingerprint256))
  measured.sequence = bundle.sequence === null ? null : String(bundle.sequence)
  measured.refreshHintSeconds = bundle.refreshHintSeconds
  if (held && held.sequence !== null) measured.heldSequence = String(held.sequence)
  measured.authorities = listAuthorities(bundle).map(one => ({
    kind: one.kind,
    id: one.fingerprint256,
    subject: one.name,
    notBefore: one.notBefore ?? null,
    notAfter: one.notAfter ?? null,
    heldHere: one.kind === 'x509' && ours ? ours.has(one.fingerprint256) : null,
  }))
}

/** What endpoints published when this process last asked them, by URL. */
const records = new Map<string, BundleRecord>()

const watch = (
  url: string,
  bundle: Bundle,
  { body, modified }: Answer,
  { signer }: Server,
  nowMs: number,
): { violations: Violation[]; warnings: Warning[] } => {
  const authorities = bundle.x509.map(one => ({
    id: one.fingerprint256,
    name: one.subject,
    notBeforeMs: one.notBeforeMs,
    notAfterMs: one.notAfterMs,
  }))
  const dated = modified === null ? Number.NaN : Date.parse(modified)
  const modifiedMs = Number.isNaN(dated) ? null : dated
  const published = { sequence: bundle.sequence, text: body.toString('utf8'), modifiedMs, authorities }
  const seen = compareWithBefore(records.get(url), published, nowMs)
  records.set(url, seen.record)
  const { refreshHintSeconds } = bundle
  const signs = signer && { id: signer.authority.fingerprint256, sinceMs: signer.sinceMs }
  const late = judgeLead({ authorities, refreshHintSeconds, signer: signs, firstSeenMs: seen.record.firstSeenMs, nowMs })
  return { violations: seen.violations, warnings: [...seen.warnings, ...late] }
}
