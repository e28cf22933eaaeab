import { request } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { type Bundle, judgeBundle, maxBundleBytes, readBundle } from '../judge/spiffe/bundle.ts'
import { listAuthorities } from '../judge/spiffe/bundle-compare.ts'
import type { BundleMeasured } from '../wire/measured.ts'
import type { Options } from '../wire/options.ts'
import type { Outcome, Violation, Warning } from '../wire/result.ts'
import { type BundleRecord, compareWithBefore, compareWithHeld } from './bundle-history.ts'
import { chainAsSent, judgeChain } from './chain.ts'
import { aborted, type Finding, fail, ok, type Probe, type Resolved, timedOut, unmeasured } from './finding.ts'
import type { Identity } from './identity/identity.ts'
import { openIdentity } from './identity/source.ts'
import { shakeHands } from './net/handshake.ts'
import { ContextError } from './net/secure-context.ts'
import { DialError } from './net/tcp-socket.ts'
import { bundlesOf, judgePeer } from './peer.ts'
import { watchForStall } from './stall.ts'
import { judgeDial } from './tcp-errors.ts'
import { handshakeOptions, judgeUnfinished, noTls } from './tls.ts'

const identityMs = 2000
const watchMs = 50

type Answer = { status: number; contentType: string | null; body: Buffer; tooLarge: boolean }

/**
 * Fetches a SPIFFE bundle document once, on a fresh connection, with no redirect followed (SPIFFE_Federation §5): who serves it, by the profile
 * configured; whether it is a bundle; its sequence, refresh hint and authorities; and which of them we hold ourselves.
 */
export const probeBundle: Probe<'bundle'> = async (target, options, signal) => {
  const identity = await openIdentity({ bundles: options.bundles, workloadApi: options.workloadApi })(
    AbortSignal.any([signal, AbortSignal.timeout(identityMs)]),
  )
  const measured = noBundle(target, options)
  try {
    const dialling = { ...handshakeOptions(target, { ...options, alpn: [] }), hello: 'small' as const }
    return await shakeHands(
      dialling,
      signal,
      watchForStall(watchMs, () => {}),
      async ({ end, tls }) => {
        if (end.kind !== 'done') {
          const unfinished = judgeUnfinished(end, noTls(options, target), { timeoutMs: options.timeoutMs }, signal)
          return { outcome: unfinished, measured, phasesMs: {}, warnings: [] }
        }
        const server = judgeServer(tls, target, options, measured, identity)
        const start = performance.now()
        const answer = await get(tls, target, options, signal)
        const phasesMs = { http: Math.round((performance.now() - start) * 1e3) / 1e3 }
        return { ...judgeAnswer(answer, server, measured, options, identity, signal), measured, phasesMs }
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

type Server = { violations: Violation[]; warnings: Warning[]; unmeasured?: Outcome }

/** Web PKI and a host name, or a SPIFFE ID: by profile. An endpoint of the other profile is named as such. */
const judgeServer = (
  tls: TLSSocket,
  target: Resolved,
  options: Options['bundle'],
  measured: BundleMeasured,
  identity: Identity,
): Server => {
  const chain = chainAsSent(tls)
  const peer = judgePeer(chain, { identity, nowMs: Date.now(), expectId: options.endpointId })
  measured.endpointId = peer.id
  if (measured.profile === 'https_spiffe') {
    const violations = peer.violations.map(one => (one.code === 'id_mismatch' ? { ...one, code: 'endpoint_id_mismatch' as const } : one))
    if (peer.id !== null || !violations.some(one => one.code === 'no_spiffe_id'))
      return { violations, warnings: peer.warnings, unmeasured: peer.unmeasured }
    return {
      violations: [{ code: 'profile_mismatch', detail: 'the endpoint has no SPIFFE ID: it serves https_web, https_spiffe is configured' }],
      warnings: [],
    }
  }
  const { violations } = judgeChain(chain, {
    name: options.sni ?? target.host,
    ca: options.ca,
    nowMs: Date.now(),
    verifyError: (tls.authorizationError as unknown as string | undefined) ?? undefined,
  })
  if (violations.length === 0 || peer.id === null) return { violations, warnings: [] }
  const detail = `the endpoint presents ${peer.id} and does not pass as a web server (${violations[0]!.detail}): it serves https_spiffe, https_web is configured`
  return { violations: [{ code: 'profile_mismatch', detail }], warnings: [] }
}

const get = (tls: TLSSocket, target: Resolved, options: Options['bundle'], signal: AbortSignal): Promise<Answer | Error> =>
  new Promise(resolve => {
    const headers = {
      host: new URL(`https://${target.host.includes(':') ? `[${target.host}]` : target.host}:${target.port}`).host,
      accept: 'application/json',
    }
    const asked = request({ createConnection: () => tls, path: options.path, headers, signal, setDefaultHeaders: false }, response => {
      const chunks: Buffer[] = []
      let bytes = 0
      const answer = (tooLarge: boolean): void =>
        resolve({
          status: response.statusCode ?? 0,
          contentType: response.headers['content-type'] ?? null,
          body: Buffer.concat(chunks),
          tooLarge,
        })
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > maxBundleBytes) {
          answer(true)
          asked.destroy()
        } else chunks.push(chunk)
      })
      response.on('end', () => answer(false))
      response.on('error', resolve)
    })
    asked.on('error', resolve)
    asked.end()
  })

type Judged = Pick<Finding<'bundle'>, 'outcome' | 'warnings' | 'violations'>

const judgeAnswer = (
  answer: Answer | Error,
  server: Server,
  measured: BundleMeasured,
  options: Options['bundle'],
  identity: Identity,
  signal: AbortSignal,
): Judged => {
  const failed = (code: Violation['code'], detail: string): Judged => settle(server, [{ code, detail }], [])
  if (signal.aborted && !timedOut(signal)) return { outcome: aborted, warnings: [] }
  if (answer instanceof Error)
    return failed('bundle_unreachable', signal.aborted ? 'no complete answer in time' : `the request failed: ${answer.message}`)
  measured.httpStatus = answer.status
  measured.contentType = answer.contentType
  measured.bytes = answer.body.length
  if (answer.status !== 200) return failed('bundle_http_status', `HTTP ${answer.status} from ${measured.url}, want 200`)
  if (answer.tooLarge) return failed('bundle_malformed', `more than ${maxBundleBytes} bytes, which no bundle needs`)
  const read = readBundle(answer.body, 'endpoint')
  if (!read.ok) return settle(server, plain(read.violations), [])
  if (read.bundle.form === 'pem' || read.bundle.form === 'der')
    return failed(
      'bundle_malformed',
      `the document is ${read.bundle.form.toUpperCase()}, want a JWK set in JSON (SPIFFE_Trust_Domain_and_Bundle §4)`,
    )
  const judged = judgeBundle(read.bundle, Date.now())
  const held = measureBundle(measured, read.bundle, options, identity)
  const x509 = listAuthorities(read.bundle).filter(one => one.kind === 'x509')
  const aligned = compareWithHeld(
    x509.map(one => ({ id: one.fingerprint256, name: one.name })),
    held,
    options.trustDomain ?? '',
  )
  const watched = watch(measured.url, read.bundle, answer.body.toString('utf8'))
  const violations: Violation[] = [...plain(read.violations), ...plain(judged.violations), ...watched.violations, ...aligned.violations]
  if (read.bundle.x509.length + read.bundle.jwt.length === 0)
    violations.push({ code: 'bundle_empty', detail: 'the bundle has no authority: valid, and it revokes everything of this trust domain' })
  return settle(server, violations, [...read.warnings, ...judged.warnings, ...watched.warnings, ...aligned.warnings])
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

/** What the endpoint publishes, and whether we hold each authority: what is missing here breaks as soon as it signs. */
const measureBundle = (
  measured: BundleMeasured,
  bundle: Bundle,
  options: Options['bundle'],
  identity: Identity,
): ReadonlySet<string> | undefined => {
  measured.sequence = bundle.sequence === null ? null : String(bundle.sequence)
  measured.refreshHintSeconds = bundle.refreshHintSeconds
  const held = options.trustDomain === undefined ? undefined : bundlesOf(identity).get(options.trustDomain)
  const ours = held && new Set(held.map(one => one.fingerprint256))
  measured.authorities = listAuthorities(bundle).map(one => ({
    kind: one.kind,
    id: one.fingerprint256,
    subject: one.name,
    notAfter: one.notAfter ?? null,
    heldHere: one.kind === 'x509' && ours ? ours.has(one.fingerprint256) : null,
  }))
  return ours
}

/** What endpoints published when this process last asked them, by URL. */
const records = new Map<string, BundleRecord>()

const watch = (url: string, bundle: Bundle, text: string): { violations: Violation[]; warnings: Warning[] } => {
  const authorities = bundle.x509.map(one => ({ id: one.fingerprint256, notBeforeMs: one.notBeforeMs, notAfterMs: one.notAfterMs }))
  const seen = compareWithBefore(records.get(url), { sequence: bundle.sequence, text, authorities }, Date.now())
  records.set(url, seen.record)
  return seen
}
