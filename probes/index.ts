import { type Options, withDefaults } from '../wire/options.ts'
import type { Kind, Result } from '../wire/result.ts'
import { probeDns } from './dns.ts'
import { type Finding, type Probe, type Resolved, unmeasured } from './finding.ts'
import { probeIcmp } from './icmp.ts'
import { probeMtu } from './mtu.ts'
import { probeTcp } from './tcp.ts'
import { probeTls } from './tls.ts'

/** One probe for every kind of check; the compiler says which are missing. */
export const probes: { [K in Kind]: Probe<K> } = { dns: probeDns, icmp: probeIcmp, mtu: probeMtu, tcp: probeTcp, tls: probeTls }

/**
 * Runs one probe once: start time, timeout, and trouble of the program itself are dealt with here and nowhere else.
 * Never rejects. `stop` aborts the run; the timeout is the options' own.
 */
export const runProbe = async <K extends Kind>(
  kind: K,
  target: Resolved,
  given: Partial<Options[K]>,
  stop: AbortSignal,
): Promise<Result<K>> => {
  const options = withDefaults(kind, given)
  const startedAt = new Date().toISOString()
  const start = performance.now()
  const finding = await attempt(kind, target, options, stop)
  const totalMs = Math.round((performance.now() - start) * 1e3) / 1e3
  return { kind, target, startedAt, violations: [], ...finding, phasesMs: { ...finding.phasesMs, total: totalMs } }
}

const attempt = async <K extends Kind>(kind: K, target: Resolved, options: Options[K], stop: AbortSignal): Promise<Finding<K>> => {
  const timeout = new AbortController()
  const timer = setTimeout(() => timeout.abort(new DOMException('the run took too long', 'TimeoutError')), options.timeoutMs)
  try {
    return await (probes[kind] as Probe<K>)(target, options, AbortSignal.any([stop, timeout.signal]))
  } catch (error) {
    const detail = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
    return { outcome: unmeasured('internal', detail), measured: {} as Finding<K>['measured'], phasesMs: {}, warnings: [] }
  } finally {
    clearTimeout(timer)
  }
}
