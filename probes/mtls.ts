import type { TLSSocket } from 'node:tls'
import type { MtlsMeasured } from '../wire/measured.ts'
import type { Options } from '../wire/options.ts'
import type { Outcome, Violation, Warning } from '../wire/result.ts'
import { chainAsSent, describeCertificate } from './chain.ts'
import { type ClientAnswer, judgeClientAuth, waitForAnswer } from './client-auth.ts'
import { aborted, type Finding, fail, ok, type Probe, type Resolved, timedOut, unmeasured } from './finding.ts'
import { type Identity, judgeNoSvid, pickSvid, type ReadIdentity, type Svid } from './identity/identity.ts'
import { identityMs, openIdentity } from './identity/source.ts'
import { dialling } from './mtls-dialling.ts'
import { holdOpen } from './mtls-hold.ts'
import { tryNonsense, tryWithout } from './mtls-refusals.ts'
import { type Handshake, shakeHands } from './net/handshake.ts'
import { ContextError } from './net/secure-context.ts'
import { DialError } from './net/tcp-socket.ts'
import { judgePeer, type PeerJudgement, prepareJudgement, stampOf } from './peer.ts'
import { watchForStall } from './stall.ts'
import { judgeDial } from './tcp-errors.ts'
import { judgeUnfinished, measureTls, noTls } from './tls.ts'
import { describeStall } from './tls-errors.ts'

const watchMs = 50

/**
 * One mutual TLS handshake on a fresh connection, never a resumed session: the peer's chain against every SPIFFE rule and only its own trust
 * domain's bundle, its identity against the expected one, and what became of our certificate. `negative` adds a connection without one; `holdMs`
 * keeps the first one open beside fresh ones. `sources` is where a caller of many runs holds its identities; else they are read anew.
 */
export const probeMtls: Probe<'mtls'> = async (target, options, signal, _allow, sources = { identity: openIdentity }) => {
  const { certFile, keyFile, caFile, bundles, workloadApi } = options
  const read = sources.identity({ cert: certFile, key: keyFile, ca: caFile, bundles, workloadApi })
  const hold: After = (tls, first) => holdOpen(tls, first, options, within => meet({ target, options, read, signal: within }), signal)
  const finding = await meet({ target, options, read, signal }, options.holdMs > 0 ? hold : undefined)
  if (finding.measured.ourCertificate && options.negative && finding.outcome.kind === 'ok')
    return tryWithout(target, options, finding, signal)
  return finding
}

type Run = { target: Resolved; options: Options['mtls']; read: ReadIdentity; signal: AbortSignal }
/** What is done with an authenticated connection before it is closed. */
type After = (tls: TLSSocket, finding: Finding<'mtls'>) => Promise<Finding<'mtls'>>

/** Reads who we are, and connects once. */
const meet = async ({ target, options, read, signal }: Run, after?: After): Promise<Finding<'mtls'>> => {
  // Files are read by themselves; the deadline of a Workload API would leave each run a timer that outlives it.
  const identity = await read(
    options.workloadApi === undefined ? signal : AbortSignal.any([signal, AbortSignal.timeout(identityMs(options.timeoutMs))]),
  )
  const svid = pickSvid(identity, options.hint)
  const measured = noMtls(target, options, identity, svid)
  const nothing = (outcome: Outcome): Finding<'mtls'> => ({ outcome, measured, phasesMs: {}, warnings: [] })
  const early = judgeOurs(identity, svid, options)
  if (early) return nothing(early)
  try {
    const finding = await connect(target, options, identity, svid, measured, signal, after)
    if (options.sniPair && !signal.aborted) measured.nonsenseSni = await tryNonsense(target, options, svid, signal)
    return finding
  } catch (error) {
    if (error instanceof DialError) return nothing(judgeDial(error, target, signal))
    if (!(error instanceof ContextError)) throw error
    return nothing(unmeasured('config_invalid', `our certificate or key (${identity.source}): ${error.message}`))
  }
}

/** One reader for each choice of files: it reads a file again when that has changed, and parses it once. */
const readers = keep<ReadIdentity>(64)

/** A verdict is never about a certificate that the file does not hold any more: where the kept reader has only an older one, the files speak for themselves. */
const readIdentity = async (options: Options['mtls'], stop: AbortSignal): Promise<Identity> => {
  const { certFile, keyFile, caFile, bundles, workloadApi } = options
  const choice = { cert: certFile, key: keyFile, ca: caFile, bundles, workloadApi }
  const signal = workloadApi === undefined ? stop : AbortSignal.any([stop, AbortSignal.timeout(identityMs)])
  const identity = await readers(JSON.stringify(choice), () => openIdentity(choice))(signal)
  return identity.problems.some(({ code }) => code === 'file_stale') ? openIdentity(choice)(signal) : identity
}

const noMtls = (target: Resolved, options: Options['mtls'], identity: Identity, svid: Svid | undefined): MtlsMeasured => ({
  ...noTls(options, target),
  peerId: null,
  trustDomain: null,
  ourId: svid?.id ?? null,
  clientAuth: 'not_requested',
  identitySource: identity.source,
  ...(svid ? { ourCertificate: stampOf(svid) } : {}),
})

/** An identity that was asked for and cannot be had is our own trouble, before anything is sent. */
const judgeOurs = (identity: Identity, svid: Svid | undefined, options: Options['mtls']): Outcome | undefined => {
  const asked = options.certFile !== undefined || options.workloadApi !== undefined
  if (asked && !svid) return judgeNoSvid(identity, options.hint)
  const files = identity.problems.find(one => one.reason === 'config_invalid')
  if (files) return unmeasured('config_invalid', files.detail)
  if (svid && svid.notAfterMs < Date.now())
    return unmeasured(
      'local_svid_unavailable',
      `${identity.source}: our own SVID expired at ${new Date(svid.notAfterMs).toISOString()}, and this machine's clock says ${new Date().toISOString()}`,
    )
  return undefined
}

const connect = (
  target: Resolved,
  options: Options['mtls'],
  identity: Identity,
  svid: Svid | undefined,
  measured: MtlsMeasured,
  signal: AbortSignal,
  after?: After,
): Promise<Finding<'mtls'>> => {
  const watch = watchForStall(watchMs, stall => {
    measured.stall = stall
  })
  const shaking = shakeHands(dialling(target, options, svid), signal, watch, async handshake => {
    measureTls(measured, handshake)
    const phasesMs: Record<string, number> = {}
    if (handshake.connected) phasesMs['connect'] = handshake.connected.rttMs
    if (measured.handshakeMs !== null) phasesMs['tls'] = measured.handshakeMs
    if (handshake.end.kind !== 'done') {
      const outcome = judgeStopped(handshake, measured, svid, signal)
      return { outcome, measured, phasesMs, warnings: [] }
    }
    const { requested } = handshake
    const start = performance.now()
    // The peer is judged while it looks at our certificate.
    const answering = waitForAnswer(handshake.tls, handshake.connected?.rttMs ?? 0, signal)
    const peer = inspectPeer(handshake.tls, measured, options, identity, svid)
    const answer = await answering
    phasesMs['clientAuth'] = Math.round((performance.now() - start) * 1e3) / 1e3
    const finding = { ...conclude(answer, requested, peer, measured, svid, signal), measured, phasesMs }
    return after && finding.outcome.kind === 'ok' ? after(handshake.tls, finding) : finding
  })
  // What we hold ourselves is read while the SYN is on its way.
  prepareJudgement(identity, svid)
  return shaking
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

/** An SVID of ours that begins later than now: issued a moment ago by a host whose clock is right, or by one whose clock is ahead. */
const earlyWarnings = (svid: Svid | undefined): Warning[] => {
  const aheadMs = (svid?.notBeforeMs ?? 0) - Date.now()
  if (aheadMs <= 0) return []
  const detail = `our own SVID is valid from ${new Date(svid!.notBeforeMs).toISOString()}, ${Math.ceil(aheadMs / 1000)} s ahead of this machine's clock`
  return [{ code: 'clock_skew', detail }]
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
  return { outcome, violations, warnings: [...peer.warnings, ...earlyWarnings(svid)] }
}
