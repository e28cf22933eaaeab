import { type Options, withDefaults } from '../wire/options.ts'
import type { Kind, Outcome, Result } from '../wire/result.ts'
import { type Allow, allowAll, refusalOf } from './allow.ts'
import { type Finding, type Probe, type Resolved, type Sources, unmeasured } from './finding.ts'

/** One probe for every kind of check; the compiler says which are missing. Each is loaded when it is first asked for: most runs want few of them. */
export const probes: { [K in Kind]: () => Promise<Probe<K>> } = {
  bundle: async () => (await import('./bundle.ts')).probeBundle,
  dns: async () => (await import('./dns.ts')).probeDns,
  federation: async () => (await import('./federation.ts')).probeFederation,
  http: async () => (await import('./http.ts')).probeHttp,
  icmp: async () => (await import('./icmp.ts')).probeIcmp,
  mtls: async () => {
    const [{ probeMtls }, { rehearseMtls }] = await Promise.all([import('./mtls.ts'), import('./mtls-rehearsal.ts')])
    rehearseMtls(Date.now())
    return probeMtls
  },
  mtu: async () => (await import('./mtu.ts')).probeMtu,
  tcp: async () => (await import('./tcp.ts')).probeTcp,
  tls: async () => (await import('./tls.ts')).probeTls,
  trace: async () => (await import('./trace.ts')).probeTrace,
  udp: async () => (await import('./udp.ts')).probeUdp,
}

/** Those that have been asked for: an `import()` of what is loaded already would cost every run some µs. */
const loaded: { [K in Kind]?: Probe<K> } = {}

/** Loads the probe of a kind ahead of its first run: loading takes CPU, and who keeps time wants it spent before. */
export const load = async <K extends Kind>(kind: K): Promise<Probe<K>> => {
  const probe = await probes[kind]()
  Object.assign(loaded, { [kind]: probe })
  return probe
}

/**
 * Runs one probe once: start time, timeout, and trouble of the program itself are dealt with here and nowhere else.
 * Never rejects. `stop` aborts the run, whatever its reason; the timeout is the options' own. `allow` has the last word on every address:
 * what it refuses is `unmeasured: target_denied`, and nothing is sent. `sources`: what the caller holds across runs.
 */
export const runProbe = async <K extends Kind>(
  kind: K,
  target: Resolved,
  given: Partial<Options[K]>,
  stop: AbortSignal,
  { allow = allowAll, sources }: { allow?: Allow; sources?: Sources } = {},
): Promise<Result<K>> => {
  const options = withDefaults(kind, given)
  // The clock of a run starts when its program is there.
  const probe = (loaded[kind] as Probe<K> | undefined) ?? (await load(kind))
  const startedAt = new Date().toISOString()
  const start = performance.now()
  const { samplesMs, ...finding } = await attempt(kind, target, options, stop, { allow, sources, probe })
  const totalMs = Math.round((performance.now() - start) * 1e3) / 1e3
  const result: Result<K> = { kind, target, startedAt, violations: [], ...finding, phasesMs: { ...finding.phasesMs, total: totalMs } }
  if (samplesMs) Object.defineProperty(result, 'samplesMs', { value: samplesMs })
  return result
}

/** A connection that is held open is held besides the time that a handshake may take. */
const allowedMs = (options: { timeoutMs: number; holdMs?: number }): number => options.timeoutMs + (options.holdMs ?? 0)

const attempt = async <K extends Kind>(
  kind: K,
  target: Resolved,
  options: Options[K],
  stop: AbortSignal,
  { allow, sources, probe }: { allow: Allow; sources?: Sources; probe: Probe<K> },
): Promise<Finding<K>> => {
  const refusal = refusalOf(kind, target, options, allow)
  if (refusal !== undefined) return nothing(unmeasured('target_denied', refusal))
  const run = new AbortController()
  const timer = setTimeout(() => run.abort(new DOMException('the run took too long', 'TimeoutError')), allowedMs(options))
  if (stop.aborted) run.abort(stopped())
  else enlist(stop, run)
  try {
    return await probe(target, options, run.signal, allow, sources)
  } catch (error) {
    const detail = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
    return nothing(unmeasured('internal', detail))
  } finally {
    clearTimeout(timer)
    dismiss(stop, run)
  }
}

/** A run of which nothing was seen. */
const nothing = <K extends Kind>(outcome: Outcome): Finding<K> => ({
  outcome,
  measured: {} as Finding<K>['measured'],
  phasesMs: {},
  warnings: [],
})

/** A caller's deadline is a stop too, and says nothing about the target: only the run's own timeout may look like one. */
const stopped = (): DOMException => new DOMException('stopped', 'AbortError')

type UnderWay = { runs: Set<AbortController>; onStop: () => void }

/** The runs under way by their caller's signal, each signal with one listener: adding one goes through all that it has. */
const underWay = new WeakMap<AbortSignal, UnderWay>()

const enlist = (stop: AbortSignal, run: AbortController): void => {
  const known = underWay.get(stop)
  if (known) {
    known.runs.add(run)
    return
  }
  const runs = new Set([run])
  const onStop = (): void => {
    for (const one of runs) one.abort(stopped())
  }
  underWay.set(stop, { runs, onStop })
  stop.addEventListener('abort', onStop, { once: true })
}

const dismiss = (stop: AbortSignal, run: AbortController): void => {
  const known = underWay.get(stop)
  if (!known?.runs.delete(run) || known.runs.size > 0) return
  underWay.delete(stop)
  stop.removeEventListener('abort', known.onStop)
}
