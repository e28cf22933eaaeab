import type { TLSSocket } from 'node:tls'
import type { MtlsMeasured } from '../wire/measured-identity.ts'
import type { Options } from '../wire/options.ts'
import type { Outcome } from '../wire/result.ts'
import { chainAsSent, describeCertificate } from './chain.ts'
import { waitForAnswer } from './client-auth.ts'
import { type Finding, type Probe, type Resolved, unmeasured } from './finding.ts'
import { type Identity, pickSvid, type ReadIdentity, type Svid } from './identity/identity.ts'
import { identityMs, openIdentity } from './identity/source.ts'
import { dialling } from './mtls-dialling.ts'
import { holdOpen } from './mtls-hold.ts'
import { conclude, judgeOurs, judgeStopped } from './mtls-judge.ts'
import { tryNonsense, tryWithout } from './mtls-refusals.ts'
import { shakeHands } from './net/handshake.ts'
import { ContextError } from './net/secure-context.ts'
import { DialError } from './net/tcp-socket.ts'
import { judgePeer, type PeerJudgement, prepareJudgement, stampOf } from './peer.ts'
import { watchForStall } from './stall.ts'
import { judgeDial } from './tcp-errors.ts'
import { measureTls, noTls } from './tls.ts'

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

const noMtls = (target: Resolved, options: Options['mtls'], identity: Identity, svid: Svid | undefined): MtlsMeasured => ({
  ...noTls(options, target),
  peerId: null,
  trustDomain: null,
  ourId: svid?.id ?? null,
  clientAuth: 'not_requested',
  identitySource: identity.source,
  ...(svid ? { ourCertificate: stampOf(svid) } : {}),
})

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
    const answeredMs = answer.kind === 'proof' ? answer.atMs : performance.now()
    phasesMs['clientAuth'] = Math.max(0, Math.round((answeredMs - start) * 1e3) / 1e3)
    const finding = { ...conclude(answer, requested, peer, measured, svid, signal), measured, phasesMs }
    return after && finding.outcome.kind === 'ok' ? after(handshake.tls, finding) : finding
  })
  // What we hold ourselves is read while the SYN is on its way.
  prepareJudgement(identity, svid)
  return shaking
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
