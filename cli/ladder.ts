/**
 * The ladder: which probes one target is measured with, in which order, and with the address that its name was resolved to once.
 * Steps that do not need one another run at the same time.
 */
import { isIP } from 'node:net'
import type { Resolved } from '../probes/finding.ts'
import type { Options } from '../wire/options.ts'
import type { FailReason } from '../wire/reasons.ts'
import type { AnyResult, Family, Kind, Result, Target } from '../wire/result.ts'
import type { AskedTarget } from '../wire/target.ts'
import { type RunPlan, stepsOfTarget } from './run-options.ts'

/** The parts of the engine that the command uses; handed in, so that tests can bring their own results. */
export type Engine = {
  runProbe<K extends Kind>(kind: K, target: Resolved, options: Partial<Options[K]>, stop: AbortSignal): Promise<Result<K>>
  settle(results: readonly AnyResult[], asked: readonly Kind[]): AnyResult[]
}

/** What happens on the ladder. A `step` is as first seen; `final` is what stands in the document. */
export type LadderEvent =
  | { type: 'resolved'; address: string; family: Family }
  | { type: 'started'; kind: Kind }
  | { type: 'step'; result: AnyResult }
  | { type: 'final'; result: AnyResult }

export type Climb = { target: Target; results: AnyResult[] }

/** Shorter is no use for a sweep. */
const leastSweepMs = 2000

/** Kinds that the user named: those whose failure to be measured is worth an exit code. */
export const askedKinds = (target: AskedTarget): Kind[] => (target.kind ? [target.kind] : [])

/**
 * Runs every step; never rejects as long as the engine does not. After `stop` the steps that have not ended, or not begun, are
 * `unmeasured: aborted`. A step that could tell nothing is left out: all of them without an address, TLS without a connection.
 */
export const climb = async (
  asked: AskedTarget,
  plan: RunPlan,
  engine: Engine,
  report: (event: LadderEvent) => void,
  clock: { elapsedMs(): number },
  stop: AbortSignal,
): Promise<Climb> => {
  const startMs = clock.elapsedMs()
  const named: Target = { host: asked.host, ...(asked.port !== undefined && { port: asked.port }) }
  const done: AnyResult[] = []
  // A cloud has no address of its own: each service of it is looked up when it is asked.
  if (asked.kind === 'federation') return { target: named, results: await climbCloud(named, plan, engine, report, stop) }
  let address: string | undefined = asked.family ? asked.host : undefined
  if (!address) {
    report({ type: 'started', kind: 'dns' })
    // The one probe that needs no address: it brings it.
    const dns = await engine.runProbe('dns', named as Resolved, plan.options.dns, stop)
    address = dns.measured.addresses?.find(one => isIP(one))
    if (address) report({ type: 'resolved', address, family: isIP(address) as Family })
    tell({ report }, dns)
    done.push(dns)
    if (!address) return { target: named, results: done }
  } else report({ type: 'resolved', address, family: asked.family! })

  const target: Resolved = { ...named, address, family: isIP(address.split('%')[0]!) as Family }
  if (asked.kind === 'dns') return { target, results: done }
  const spentMs = clock.elapsedMs() - startMs
  const steps = await climbSteps({
    target,
    asked,
    options: optionsFor(asked, plan.options, spentMs),
    mutual: plan.mutual,
    engine,
    report,
    stop,
  })
  return { target, results: [...done, ...engine.settle(steps, askedKinds(asked))] }
}

const climbCloud = async (
  named: Target,
  { options }: RunPlan,
  engine: Engine,
  report: (event: LadderEvent) => void,
  stop: AbortSignal,
): Promise<AnyResult[]> => {
  report({ type: 'started', kind: 'federation' })
  const result = await engine.runProbe('federation', named as Resolved, known(options.federation), stop)
  tell({ report }, result)
  return [result]
}

/** The sweep's time is what the look-up left of it. A server name has no final dot (RFC 6066 §3), a host name may. */
const optionsFor = (asked: AskedTarget, options: Options, spentMs: number): Options => {
  const sni = asked.host.endsWith('.') ? { sni: asked.host.slice(0, -1) } : {}
  const timeoutMs = Math.round(Math.max(Math.min(leastSweepMs, options.mtu.timeoutMs), options.mtu.timeoutMs - spentMs))
  const withName = <T extends object>(one: T): T => ({ ...sni, ...known(one) })
  const { bundle, http, mtls, mtu, tls } = options
  const path = asked.path === undefined ? {} : { path: asked.path }
  return {
    ...options,
    bundle: { ...withName(bundle), ...path },
    http: { ...withName(http), ...path, ...(asked.scheme && { scheme: asked.scheme }) },
    mtls: withName(mtls),
    mtu: { ...withName(mtu), timeoutMs },
    tls: withName(tls),
  }
}

const known = <T extends object>(options: T): T =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T

/** One target on its ladder, its address known. */
type OnLadder = {
  target: Resolved
  asked: AskedTarget
  options: Options
  mutual: boolean
  engine: Engine
  report: (event: LadderEvent) => void
  stop: AbortSignal
}

const climbSteps = async (ladder: OnLadder): Promise<AnyResult[]> => {
  const tcp = start(ladder, 'tcp')
  const icmp = start(ladder, 'icmp')
  const mtu = start(ladder, 'mtu').then(result => tell(ladder, result))
  const tls = tcp.then(connected => (!connected || isConnected(connected) ? start(ladder, 'tls') : undefined))
  // After the other handshake: a server that serves one client at a time gets one at a time.
  const mtls = Promise.all([tcp, tls])
    .then(([connected]) => (!connected || isConnected(connected) ? start(ladder, 'mtls') : undefined))
    .then(result => tell(ladder, result))
  const shownTls = showTls(ladder, tls, mtls)
  const udp = start(ladder, 'udp').then(result => tell(ladder, result))
  const trace = start(ladder, 'trace').then(result => tell(ladder, result))
  const bundle = start(ladder, 'bundle').then(result => tell(ladder, result))
  const http = start(ladder, 'http').then(result => tell(ladder, result))
  const decidedTcp = decideTcp(ladder, tcp, icmp, tls)
  const shownIcmp = showIcmp(ladder, icmp, Promise.all([decidedTcp, tls]))
  const all = await Promise.all([shownIcmp, mtu, decidedTcp, shownTls, mtls, bundle, udp, http, trace])
  return all.filter(result => result !== undefined) as AnyResult[]
}

type Running<K extends Kind> = Promise<Result<K> | undefined>

const start = async <K extends Kind>({ target, asked, options, mutual, engine, report, stop }: OnLadder, kind: K): Running<K> => {
  if (!stepsOfTarget(asked, mutual).includes(kind)) return undefined
  report({ type: 'started', kind })
  return engine.runProbe(kind, target, options[kind], stop)
}

const tell = <R extends AnyResult>({ report }: Pick<OnLadder, 'report'>, result: R | undefined): R | undefined => {
  if (result) for (const type of ['step', 'final'] as const) report({ type, result })
  return result
}

/** What the Web PKI thinks of the certificate does not count when the identity is SPIFFE's: where mutual TLS follows, the line waits for it. */
const showTls = async (ladder: OnLadder, tls: Running<'tls'>, mtls: Running<'mtls'>): Running<'tls'> => {
  const result = await tls
  if (!result) return undefined
  const beside = ladder.mutual && result.outcome.kind === 'fail' ? await mtls : undefined
  tell(ladder, ladder.engine.settle(beside ? [result, beside] : [result], askedKinds(ladder.asked))[0])
  return result
}

/** Whether silence is a failure is known when the port has answered or not; a failure waits for that. */
const showIcmp = async (ladder: OnLadder, icmp: Running<'icmp'>, others: Promise<(AnyResult | undefined)[]>): Running<'icmp'> => {
  const result = await icmp
  if (!result) return undefined
  const beside = result.outcome.kind === 'fail' ? (await others).filter(other => other !== undefined) : []
  tell(ladder, ladder.engine.settle([result, ...beside], askedKinds(ladder.asked))[0])
  return result
}

/** The connection is shown at once; a second one may add to the document which ports accept, on which nothing should listen. */
const decideTcp = async (ladder: OnLadder, tcp: Running<'tcp'>, icmp: Running<'icmp'>, tls: Running<'tls'>): Running<'tcp'> => {
  const { asked, engine, options, report, stop, target } = ladder
  const first = await tcp
  if (!first) return undefined
  report({ type: 'step', result: first })
  const isDubious = isDoubtful(first, await icmp, await tls) && !asked.kind && !stop.aborted
  const second = isDubious ? await engine.runProbe('tcp', target, controlOptions(options.tcp, first), stop) : first
  const { control } = second.measured
  const result = control ? { ...first, measured: { ...first.measured, control } } : first
  report({ type: 'final', result })
  return result
}

/** A reset comes from someone who had accepted before; every other failure is one of the connection itself. */
const isConnected = ({ outcome }: Result<'tcp'>) => outcome.kind !== 'fail' || outcome.reason === 'tcp_reset'

const proxyLike: readonly FailReason[] = ['tcp_reset', 'tls_reset', 'tls_timeout', 'not_tls']

/**
 * Whether the connection may have been accepted by something other than the target: a SYN answered in less than half an echo's time,
 * no echo at all, a reset, or nobody who speaks TLS behind an open port. Then it is worth asking ports on which nothing listens.
 */
export const isDoubtful = (tcp: Result<'tcp'>, icmp?: Result<'icmp'>, tls?: Result<'tls'>): boolean => {
  const isReset = tcp.outcome.kind === 'fail' && tcp.outcome.reason === 'tcp_reset'
  if (tcp.outcome.kind !== 'ok' && !isReset) return false
  const { synRttMs } = tcp.measured
  const echoMs = icmp?.measured.rttMs?.min
  const isNearer = synRttMs !== null && echoMs !== undefined && synRttMs < echoMs / 2 && echoMs - synRttMs > 1
  const isSilent = icmp?.outcome.kind === 'fail' && icmp.measured.received === 0
  return isReset || isNearer || isSilent || (tls?.outcome.kind === 'fail' && proxyLike.includes(tls.outcome.reason))
}

/** An answer from the same place takes as long as the first; a second and three round trips (one SYN sent again, RFC 6298 §2) are enough. */
const controlOptions = (options: Options['tcp'], { measured }: Result<'tcp'>): Options['tcp'] => ({
  ...options,
  payloadBytes: 0,
  control: true,
  timeoutMs: Math.min(options.timeoutMs, Math.ceil(1000 + 3 * (measured.synRttMs ?? 0))),
})
