import type { TLSSocket } from 'node:tls'
import type { MtlsMeasured } from '../wire/measured.ts'
import type { Options } from '../wire/options.ts'
import type { Outcome, Violation, Warning } from '../wire/result.ts'
import { chainAsSent, describeCertificate } from './chain.ts'
import { type ClientAnswer, judgeClientAuth, waitForAnswer } from './client-auth.ts'
import { aborted, type Finding, fail, ok, type Probe, type Resolved, timedOut, unmeasured } from './finding.ts'
import { type Identity, judgeNoSvid, pickSvid, type Svid } from './identity/identity.ts'
import { openIdentity } from './identity/source.ts'
import { type Handshake, type HandshakeOptions, shakeHands } from './net/handshake.ts'
import { DialError } from './net/tcp-socket.ts'
import { judgePeer, type PeerJudgement } from './peer.ts'
import { watchForStall } from './stall.ts'
import { judgeDial } from './tcp-errors.ts'
import { handshakeOptions, judgeUnfinished, measureTls, noTls } from './tls.ts'
import { describeStall } from './tls-errors.ts'

const watchMs = 50
/** How long a Workload API may take to answer. */
const identityMs = 2000

/**
 * One mutual TLS handshake on a fresh connection, never a resumed session: the peer's chain against every SPIFFE rule and only its own trust
 * domain's bundle, its identity against the expected one, and what became of our certificate. `negative` adds a connection without one.
 */
export const probeMtls: Probe<'mtls'> = async (target, options, signal) => {
  const { certFile, keyFile, caFile, bundles, workloadApi } = options
  const read = openIdentity({ cert: certFile, key: keyFile, ca: caFile, bundles, workloadApi })
  const identity = await read(AbortSignal.any([signal, AbortSignal.timeout(identityMs)]))
  const svid = pickSvid(identity, options.hint)
  const measured = noMtls(target, options, identity, svid)
  const early = judgeOurs(identity, svid, options)
  if (early) return { outcome: early, measured, phasesMs: {}, warnings: [] }
  try {
    const finding = await connect(target, options, identity, svid, measured, signal)
    if (options.sniPair && !signal.aborted) measured.nonsenseSni = await tryNonsense(target, options, svid, signal)
    return options.negative && svid && finding.outcome.kind === 'ok' ? await tryWithout(target, options, finding, signal) : finding
  } catch (error) {
    if (error instanceof DialError) return { outcome: judgeDial(error, target, signal), measured, phasesMs: {}, warnings: [] }
    const detail = `our certificate or key (${identity.source}): ${(error as Error).message}`
    return { outcome: unmeasured('config_invalid', detail), measured, phasesMs: {}, warnings: [] }
  }
}

const noMtls = (target: Resolved, options: Options['mtls'], identity: Identity, svid: Svid | undefined): MtlsMeasured => ({
  ...noTls(options, target),
  peerId: null,
  trustDomain: null,
  ourId: svid?.id ?? null,
  clientAuth: 'not_requested',
  identitySource: identity.source,
})

/** An identity that was asked for and cannot be had is our own trouble, before anything is sent. */
const judgeOurs = (identity: Identity, svid: Svid | undefined, options: Options['mtls']): Outcome | undefined => {
  const asked = options.certFile !== undefined || options.workloadApi !== undefined
  if (asked && !svid) return judgeNoSvid(identity, options.hint)
  const files = identity.problems.find(one => one.reason === 'config_invalid')
  if (files) return unmeasured('config_invalid', files.detail)
  if (svid && svid.notAfterMs < Date.now())
    return unmeasured('local_svid_unavailable', `${identity.source}: our own SVID expired at ${new Date(svid.notAfterMs).toISOString()}`)
  return undefined
}

/** The protocols by which Istio's gateways know mesh traffic; another offer finds no filter chain. */
const istioAlpn = ['istio-peer-exchange', 'istio']
/** The server names of AUTO_PASSTHROUGH: `outbound_.<port>_.<subset>_.<host>`. */
const isIstioName = (sni: string | undefined): boolean => sni?.startsWith('outbound_.') === true

const dialling = (target: Resolved, options: Options['mtls'], svid: Svid | undefined): HandshakeOptions => ({
  ...handshakeOptions(target, options),
  alpn: options.alpn.length === 0 && isIstioName(options.sni) ? istioAlpn : options.alpn,
  hello: 'small',
  ...(svid ? { cert: svid.chainPem, key: svid.key.reveal() } : {}),
})

const connect = (
  target: Resolved,
  options: Options['mtls'],
  identity: Identity,
  svid: Svid | undefined,
  measured: MtlsMeasured,
  signal: AbortSignal,
): Promise<Finding<'mtls'>> => {
  const watch = watchForStall(watchMs, stall => {
    measured.stall = stall
  })
  return shakeHands(dialling(target, options, svid), signal, watch, async handshake => {
    measureTls(measured, handshake)
    const phasesMs: Record<string, number> = {}
    if (handshake.connected) phasesMs['connect'] = handshake.connected.rttMs
    if (measured.handshakeMs !== null) phasesMs['tls'] = measured.handshakeMs
    if (handshake.end.kind !== 'done') {
      const outcome = judgeStopped(handshake, measured, svid, signal)
      return { outcome, measured, phasesMs, warnings: [] }
    }
    const { requested } = handshake
    const peer = inspectPeer(handshake.tls, measured, options, identity, svid)
    const start = performance.now()
    const answer = await waitForAnswer(handshake.tls, handshake.connected?.rttMs ?? 0, signal)
    phasesMs['clientAuth'] = Math.round((performance.now() - start) * 1e3) / 1e3
    return { ...conclude(answer, requested, peer, measured, svid, signal), measured, phasesMs }
  })
}

/** The handshake did not finish: in TLS 1.2 a refused certificate ends it here (RFC 5246 §7.4.6). */
const judgeStopped = (handshake: Handshake, measured: MtlsMeasured, svid: Svid | undefined, signal: AbortSignal): Outcome => {
  const { end, requested } = handshake
  if (end.kind === 'error' && end.error.alert !== undefined) measured.alert = end.error.alert
  const refusal: ClientAnswer | undefined =
    end.kind === 'closed' ? { kind: 'closed' } : measured.alert === undefined ? undefined : { kind: 'alert', alert: measured.alert }
  if (requested && refusal) {
    const judged = judgeClientAuth(refusal, requested, svid !== undefined, 'TLSv1.2')
    if (judged.violation) {
      measured.clientAuth = judged.clientAuth
      return fail(judged.violation.code, judged.violation.detail)
    }
  }
  if (measured.stall) return fail('tls_stalled', describeStall(measured.stall))
  return judgeUnfinished(end, measured, { cert: svid?.chainPem, timeoutMs: 0 }, signal)
}

const inspectPeer = (
  tls: TLSSocket,
  measured: MtlsMeasured,
  options: Options['mtls'],
  identity: Identity,
  svid: Svid | undefined,
): PeerJudgement => {
  const chain = chainAsSent(tls)
  measured.chain = chain.map(describeCertificate)
  const peer = judgePeer(chain, {
    identity,
    svid,
    nowMs: Date.now(),
    expectId: options.expectId,
    expectTrustDomain: options.expectTrustDomain,
  })
  measured.peerId = peer.id
  measured.trustDomain = peer.trustDomain
  measured.verified = peer.verified
  if (peer.expiry) measured.expiry = peer.expiry
  if (peer.rotation) measured.rotation = peer.rotation
  return peer
}

/** What is wrong with the peer comes before what became of our certificate; all of it is reported. */
const conclude = (
  answer: ClientAnswer,
  requested: boolean,
  peer: PeerJudgement,
  measured: MtlsMeasured,
  svid: Svid | undefined,
  signal: AbortSignal,
): { outcome: Outcome; violations: Violation[]; warnings: Warning[] } => {
  const judged = judgeClientAuth(answer, requested, svid !== undefined, measured.version)
  measured.clientAuth = judged.clientAuth
  if (answer.kind === 'alert') measured.alert = answer.alert
  const violations = [...peer.violations, ...(judged.violation ? [judged.violation] : [])]
  const first = violations[0]
  const stopped = signal.aborted && !timedOut(signal)
  const outcome = stopped ? aborted : first ? fail(first.code, first.detail) : (peer.unmeasured ?? ok)
  return { outcome, violations, warnings: peer.warnings }
}

/** Reserved: no name of this kind exists (RFC 6761 §6.4). */
const nonsenseName = 'outbound_.1_._.nobody.invalid'

/** Whether the other side answers for a server name that nobody has. */
const tryNonsense = (
  target: Resolved,
  options: Options['mtls'],
  svid: Svid | undefined,
  signal: AbortSignal,
): Promise<'refused' | 'answered'> =>
  shakeHands(
    { ...dialling(target, options, svid), sni: nonsenseName },
    signal,
    watchForStall(watchMs, () => {}),
    ({ end }) => (end.kind === 'done' ? 'answered' : 'refused'),
  )

/** A client without a certificate must be refused. */
const tryWithout = async (
  target: Resolved,
  options: Options['mtls'],
  finding: Finding<'mtls'>,
  signal: AbortSignal,
): Promise<Finding<'mtls'>> => {
  const answer = await shakeHands(
    dialling(target, options, undefined),
    signal,
    watchForStall(watchMs, () => {}),
    ({ end, tls, connected }) =>
      end.kind === 'done' ? waitForAnswer(tls, connected?.rttMs ?? 0, signal) : ({ kind: 'closed' } as ClientAnswer),
  )
  const { measured } = finding
  if (answer.kind === 'silence') return { ...finding, measured: { ...measured, withoutCertificate: 'unknown' } }
  if (answer.kind !== 'proof') return { ...finding, measured: { ...measured, withoutCertificate: 'refused' } }
  const detail = 'a client without a certificate was let in, want a refusal'
  return {
    ...finding,
    measured: { ...measured, withoutCertificate: 'accepted' },
    outcome: fail('mtls_not_enforced', detail),
    violations: [...(finding.violations ?? []), { code: 'mtls_not_enforced', detail }],
  }
}
