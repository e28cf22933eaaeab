/** What is measured beside the probes of a watch, at its start and after each change: the MTU and the route. */
import type { Resolved } from '../probes/finding.ts'
import { runProbe } from '../probes/index.ts'
import type { Result } from '../wire/result.ts'
import type { PathLook, WatchKind } from '../wire/watch.ts'

export type Look = (signal: AbortSignal) => Promise<PathLook>

/** A look that takes longer is of no use to what is watched. */
const limitMs = 5000

export const buildLook = (target: Resolved, kind: WatchKind, source: string | undefined): Look => {
  // A sweep over TCP would need a TLS server: only the search by echoes and TCP's own number are wanted.
  const { port: _, ...host } = target
  const at = kind === 'tcp' ? target : host
  return async signal => {
    const [mtu, trace] = await Promise.all([
      runProbe('mtu', at, { timeoutMs: limitMs, source }, signal),
      runProbe('trace', target, { timeoutMs: limitMs, protocol: kind, source }, signal),
    ])
    return { mtu: mtu.measured.echoMtu ?? mtu.measured.forward?.pathMtu ?? null, route: routeOf(trace) }
  }
}

/** A route that was not seen to its end is none: the path may be down again. */
const routeOf = ({ measured }: Result<'trace'>): PathLook['route'] => {
  const [first] = measured.flows ?? []
  return first?.reached && measured.fingerprint ? { fingerprint: measured.fingerprint, hops: first.route } : null
}

/** Looks when asked, at most one at a time and not more often than every so many ms; what is asked meanwhile is looked at afterwards. */
export const buildLooker = (look: Look, told: (look: PathLook) => void, signal: AbortSignal, leastGapMs = 2000) => {
  let [isBusy, isWanted] = [false, false]
  const ask = (): void => {
    isWanted = true
    if (isBusy || signal.aborted) return
    isBusy = true
    isWanted = false
    void look(signal)
      .then(seen => signal.aborted || told(seen))
      .finally(() => {
        const timer = setTimeout(() => {
          isBusy = false
          if (isWanted) ask()
        }, leastGapMs)
        timer.unref()
      })
  }
  return { ask }
}
