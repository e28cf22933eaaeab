/** What is measured beside the probes of a watch, at its start and after each change: the MTU and the route. */
import type { Watch } from '../../judge/watch/watch.ts'
import type { Options } from '../../wire/options.ts'
import type { Result } from '../../wire/result.ts'
import type { PathLook, WatchEvent, WatchKind } from '../../wire/watch.ts'
import type { Resolved } from '../finding.ts'
import { load } from '../index.ts'

export type Look = (signal: AbortSignal) => Promise<PathLook>
/** Runs a probe once, or says as its outcome why not: an agent asks its policy before. */
export type RunLook = <K extends 'mtu' | 'trace'>(
  kind: K,
  target: Resolved,
  options: Partial<Options[K]>,
  signal: AbortSignal,
) => Promise<Result<K>>

/** Loads what a look runs before the first probe is sent: to load it beside them makes them late. */
export const loadLook = async (kind: WatchKind): Promise<void> => {
  await Promise.all([load('mtu'), load('trace'), import('../mtu-echo.ts'), kind === 'tcp' && import('../trace-tcp.ts')])
}

/** A look that takes longer is of no use to what is watched. */
const limitMs = 5000

export const buildLook = (run: RunLook, target: Resolved, kind: WatchKind, source: string | undefined): Look => {
  // A sweep over TCP would need a TLS server: only the search by echoes and TCP's own number are wanted.
  const { port: _, ...host } = target
  const at = kind === 'tcp' ? target : host
  return async signal => {
    const [mtu, trace] = await Promise.all([
      run('mtu', at, { timeoutMs: limitMs, source }, signal),
      run('trace', target, { timeoutMs: limitMs, protocol: kind, source }, signal),
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

/** Looks without a reason too: a route may change where nobody loses a packet. */
const lookEveryMs = 60_000

/** What makes it worth to look at the path beside its answers. */
const isWorthALook = (event: WatchEvent): boolean =>
  event.type === 'outage_settled' ||
  (event.type === 'step' && (event.step.what === 'rtt' || event.step.what === 'ttl') && event.step.outage === undefined)

export type Looks = { begin: () => void; event: (event: WatchEvent) => void; end: () => void }

/** Looks at the path of a watch when it begins, after each change, and now and then; tells the watch what it saw. `end` must be called. */
export const startLooks = (look: Look, watch: () => Pick<Watch, 'looked'>, nowMs: () => number): Looks => {
  const ended = new AbortController()
  const { ask } = buildLooker(look, seen => watch().looked(nowMs(), seen), ended.signal)
  let timer: NodeJS.Timeout | undefined
  return {
    begin: () => {
      timer = setInterval(ask, lookEveryMs)
      ask()
    },
    event: event => {
      if (isWorthALook(event)) ask()
    },
    end: () => {
      clearInterval(timer)
      ended.abort()
    },
  }
}
