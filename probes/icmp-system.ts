import type { Options } from '../wire/options.ts'
import { aborted, type Finding, fail, ok, type Resolved, unmeasured } from './finding.ts'
import { summarise } from './net/quantile.ts'

/**
 * Echoes by the system's own `ping` program, for systems whose kernel interface this package does not speak (macOS, Windows, …).
 * RTTs are what that program prints; duplicates, reordering and TTL are not told.
 */
export const probeIcmpBySystem = async (target: Resolved, options: Options['icmp'], signal: AbortSignal): Promise<Finding<'icmp'>> => {
  const base = { sent: options.count, duplicates: 0, reordered: 0, ttl: null, jitterMs: null, socket: 'ping' as const }
  const none = { ...base, received: 0, lossRatio: 1, rttMs: null }
  if (signal.aborted) return { outcome: aborted, measured: { ...none, sent: 0 }, phasesMs: {}, warnings: [] }
  if (options.identifier !== undefined)
    return {
      outcome: unmeasured('unsupported', 'the ping program cannot be told an identifier'),
      measured: { ...none, sent: 0 },
      phasesMs: {},
      warnings: [],
    }
  const { default: ping } = await import('ping')
  const answer = await Promise.race([
    ping.promise
      .probe(target.address, {
        v6: target.family === 6,
        min_reply: options.count,
        timeout: Math.max(1, Math.ceil(options.replyTimeoutMs / 1000)),
        packetSize: options.sizeBytes,
        ...(options.source ? { sourceAddr: options.source } : {}),
      })
      .catch((error: Error) => error),
    new Promise<undefined>(resolve => signal.addEventListener('abort', () => resolve(undefined), { once: true })),
  ])
  if (answer === undefined) return { outcome: aborted, measured: none, phasesMs: {}, warnings: [] }
  if (answer instanceof Error)
    return { outcome: unmeasured('unsupported', `the ping program: ${answer.message}`), measured: none, phasesMs: {}, warnings: [] }
  const rtts = ((answer as { times?: number[] }).times ?? []).filter(Number.isFinite)
  const received = Math.min(rtts.length, options.count)
  const lossRatio = (options.count - received) / options.count
  const measured = { ...base, received, lossRatio, rttMs: summarise(rtts) }
  if (received === 0)
    return {
      outcome: fail('no_reply', `${options.count} echoes sent to ${target.address}, no reply`),
      measured,
      phasesMs: {},
      warnings: [],
    }
  const counted = `${options.count - received} of ${options.count} echoes lost (${(lossRatio * 100).toFixed(1)} %)`
  if (lossRatio > options.maxLoss)
    return {
      outcome: fail('packet_loss', `${counted}, at most ${(options.maxLoss * 100).toFixed(1)} % allowed`),
      measured,
      phasesMs: {},
      warnings: [],
    }
  return { outcome: ok, measured, phasesMs: {}, warnings: lossRatio > 0 ? [{ code: 'packet_loss', detail: counted }] : [] }
}
