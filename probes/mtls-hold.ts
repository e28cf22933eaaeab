import type { TLSSocket } from 'node:tls'
import type { CertificateStamp, HoldMeasured, MtlsMeasured } from '../wire/measured-identity.ts'
import type { Options } from '../wire/options.ts'
import type { Warning } from '../wire/result.ts'
import { aborted, type Finding, pause, timedOut } from './finding.ts'
import { parseTlsError } from './net/handshake.ts'
import { alertNames } from './tls-errors.ts'

type Found = Finding<'mtls'>

const servedIn = ({ chain: [leaf] }: MtlsMeasured): CertificateStamp | undefined =>
  leaf && { fingerprint256: leaf.fingerprint256, serial: leaf.serial, notBefore: leaf.notBefore, notAfter: leaf.notAfter }

const sayEnd = (error: Error): string => {
  const { alert, message, code } = parseTlsError(error)
  return alert === undefined ? `it broke: ${code} ${message}` : `the server sent alert ${alert} ${alertNames[alert] ?? ''}`.trim()
}

/** Tells of the end of a connection that we do not end ourselves. */
const watchCut = (tls: TLSSocket): { cut: AbortSignal; how: () => string; release: () => void } => {
  const end = new AbortController()
  let how = ''
  const tell = (text: string) => (): void => {
    how ||= text
    end.abort()
  }
  const [onEnd, onClose] = [tell('the server closed it'), tell('it was closed')]
  const onError = (error: Error): void => tell(sayEnd(error))()
  tls.once('end', onEnd).once('close', onClose).once('error', onError).resume()
  const release = (): void => void tls.off('end', onEnd).off('close', onClose).off('error', onError)
  return { cut: end.signal, how: () => how, release }
}

/**
 * Keeps an authenticated connection open for `holdMs`, without a word, and meets the server anew beside it every `holdEveryMs`: shows whether a
 * rotation cuts what is open, and when it reaches what is new. TLS looks at certificates only when it begins, so that the held connection stays on
 * the old one is a fact, not a fault. The first fresh connection that fails decides the outcome. Ends early, after one more, when the held one is cut.
 */
export const holdOpen = async (
  tls: TLSSocket,
  first: Found,
  options: Options['mtls'],
  meet: (within: AbortSignal) => Promise<Found>,
  signal: AbortSignal,
): Promise<Found> => {
  const start = performance.now()
  const sinceMs = (): number => Math.round(performance.now() - start)
  const held = servedIn(first.measured)!
  const hold: HoldMeasured = { heldMs: 0, fresh: 0, failed: 0, held, latest: held }
  const { cut, how, release } = watchCut(tls)
  let worst: Found | undefined
  try {
    while (!signal.aborted && !hold.cut && sinceMs() < options.holdMs) {
      await pause(Math.min(options.holdEveryMs, options.holdMs - sinceMs()), AbortSignal.any([signal, cut]))
      if (signal.aborted) break
      if (cut.aborted) hold.cut = { afterMs: sinceMs(), how: how() }
      const fresh = await meet(AbortSignal.any([signal, AbortSignal.timeout(options.timeoutMs)]))
      if (signal.aborted) break
      count(hold, fresh, sinceMs())
      if (fresh.outcome.kind === 'fail' || (fresh.outcome.kind === 'unmeasured' && !worst))
        worst = worst?.outcome.kind === 'fail' ? worst : fresh
    }
  } finally {
    release()
  }
  hold.heldMs = hold.cut?.afterMs ?? sinceMs()
  return conclude(first, hold, worst, signal)
}

const count = (hold: HoldMeasured, { outcome, measured }: Found, atMs: number): void => {
  hold.fresh += 1
  if (outcome.kind === 'fail') hold.failed += 1
  const served = servedIn(measured)
  if (!served) return
  hold.latest = served
  if (served.fingerprint256 !== hold.held.fingerprint256) hold.changedAfterMs ??= atMs
}

const conclude = (first: Found, hold: HoldMeasured, worst: Found | undefined, signal: AbortSignal): Found => {
  const warnings: Warning[] = [...first.warnings]
  const { cut, held, fresh, failed } = hold
  const counts = `${fresh} fresh connections beside it, ${failed} failed`
  if (cut) warnings.push({ code: 'held_connection_cut', detail: `after ${cut.afterMs} ms ${cut.how}; ${counts}` })
  else if (Date.parse(held.notAfter) < Date.now())
    warnings.push({
      code: 'held_certificate_expired',
      detail: `the connection was made with serial ${held.serial}, which ended at ${held.notAfter}, and is still open`,
    })
  return {
    ...first,
    outcome: signal.aborted && !timedOut(signal) ? aborted : (worst?.outcome ?? first.outcome),
    violations: worst?.violations ?? first.violations ?? [],
    warnings,
    measured: { ...first.measured, hold },
  }
}
