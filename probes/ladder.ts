import type { LadderEnd, LadderStep, TlsStall } from '../wire/measured.ts'
import type { Outcome, Warning } from '../wire/result.ts'
import { fail, timedOut } from './finding.ts'
import { type Handshake, type HandshakeOptions, shakeHands } from './net/handshake.ts'
import type { Hello } from './net/secure-context.ts'
import { DialError } from './net/tcp-socket.ts'
import { stallOf, watchForStall } from './stall.ts'
import { describeStall } from './tls-errors.ts'

/** Time for one rung. */
const rungMs = 3000
const watchMs = 25

/**
 * Climbs the ladder of ClientHello sizes after the small one has passed: a post-quantum share, then a large one. Stops at the first that
 * does not complete. One after the other, since some servers serve one client at a time.
 */
export const climbLadder = async (small: HandshakeOptions, smallBytes: number, signal: AbortSignal): Promise<LadderStep[]> => {
  const steps: LadderStep[] = [{ hello: 'small', bytes: smallBytes, packets: 1, completed: true, end: 'completed', detail: 'completed' }]
  for (const hello of ['post_quantum', 'large'] as const) {
    if (signal.aborted) break
    const step = await climb({ ...small, hello }, hello, signal)
    if (step) steps.push(step)
    if (!step?.completed) break
  }
  return steps
}

const climb = async (options: HandshakeOptions, hello: Hello, signal: AbortSignal): Promise<LadderStep | undefined> => {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(rungMs)])
  let stall: TlsStall | undefined
  const watch = watchForStall(watchMs, found => {
    stall = found
  })
  try {
    return await shakeHands(options, limit, watch, handshake => {
      if (signal.aborted && !timedOut(signal)) return undefined
      if (handshake.end.kind === 'stopped') stall ??= handshake.last && stallOf(handshake.last, handshake.connected)
      return rung(hello, handshake, stall)
    })
  } catch (error) {
    if (error instanceof DialError) return undefined
    throw error
  }
}

const rung = (hello: Hello, handshake: Handshake, stall: TlsStall | undefined): LadderStep => {
  const { last, connected } = handshake
  const bytes = last?.bytesSent ?? handshake.tls.bytesWritten
  const packets = Math.ceil(bytes / Math.max(1, connected?.sndMss ?? 1460))
  const said = answerOf(handshake, stall)
  return { hello, bytes, packets, completed: said.end === 'completed', ...said, ...(stall ? { stall } : {}) }
}

const answerOf = ({ end, last }: Handshake, stall: TlsStall | undefined): { end: LadderEnd; detail: string } => {
  if (end.kind === 'done') return { end: 'completed', detail: 'completed' }
  if (end.kind === 'error') return { end: 'refused', detail: `answered with ${end.error.message}` }
  if (end.kind === 'closed') return { end: 'closed', detail: 'the connection was closed' }
  if (stall) return { end: 'stalled', detail: describeStall(stall) }
  return { end: 'silent', detail: `no answer, ${last?.bytesReceived ?? 0} bytes received` }
}

const reasons = { stalled: 'tls_stalled', closed: 'tls_reset', silent: 'tls_timeout' } as const

/**
 * What an unfinished rung means, when the small hello passed: today's clients send a post-quantum share, so its failure is one; larger hellos
 * are rare, so theirs is a warning. A server that answers with an alert got the hello: nothing is said.
 */
export const judgeLadder = (steps: LadderStep[]): { outcome?: Outcome; warnings: Warning[] } => {
  const broken = steps.find(step => !step.completed)
  if (!broken || broken.end === 'refused' || broken.end === 'completed') return { warnings: [] }
  const size = `${broken.bytes} bytes (${broken.packets} packets)`
  const says = `a ClientHello of ${size} gets no answer, one of ${steps[0]!.bytes} bytes does: ${broken.detail}`
  if (broken.hello === 'large') return { warnings: [{ code: 'large_client_hello_stalls', detail: says }] }
  return { outcome: fail(reasons[broken.end], says), warnings: [] }
}
