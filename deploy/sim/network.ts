/**
 * A simulated network: sites (clouds) as network namespaces, joined by a WAN in user space that delays, loses, cuts and refuses packets as told, in
 * each direction apart. For tests and demonstrations, as root or, where the host allows user namespaces, as anyone.
 *
 *   await using network = await startNetwork({ sites: { aws: {}, azure: {} }, links: [{ from: 'aws', to: 'azure', mtu: 1420 }] })
 *   await network.run('aws', ['ping', '-c1', network.sites.azure.address])
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { canSimulate, toolPath, unshareArguments } from './can-simulate.ts'
import { type Control, createControl } from './control.ts'
import { ownerMark, removeLeftOver } from './left-over.ts'
import { type Counters, type Link, linkProblems } from './link.ts'
import { type NetworkOptions, networkProblems, pairProblems, type Site, type SiteOptions } from './plan.ts'
import { childrenOf, readProcess } from './process-table.ts'
import { type RouteChange, routeProblems } from './route.ts'
import { collect, exactly, type SiteRun, type SiteRunOptions, type SiteSpawnOptions, spawnInSite } from './site-process.ts'
import type { FailoverOptions, RoutesSeen } from './wan.ts'
import type { Failover } from './way.ts'

/** A site, and the process that holds its namespaces. */
export type RunningSite = Site & { pid: number }

export type Network<Name extends string = string> = {
  sites: Record<Name, RunningSite>
  /** Whether it runs in a user namespace, so that root in a site is an ordinary user outside. */
  userNamespace: boolean
  /** False where the kernel has no IPv6: then `address6` answers nothing. */
  ipv6: boolean
  /** Starts a program in a site; it is killed with the network. */
  spawn: (site: Name, argv: string[], options?: SiteSpawnOptions) => ChildProcess
  /** Runs a program in a site to its end. Rejects only when it can't be started. */
  run: (site: Name, argv: string[], options?: SiteRunOptions) => Promise<SiteRun>
  /** Changes one direction while running; resolves once the WAN has applied it. A setting given as undefined is unset. Rejects on a bad one. */
  setLink: (from: Name, to: Name, change: Partial<Link>) => Promise<void>
  /** Changes a route of one direction, in use or not. A list of hops replaces the one before. */
  setRoute: (from: Name, to: Name, name: string, change: RouteChange) => Promise<void>
  /** Sends packets over other routes from now on, without a loss; over several as equal-cost paths, by flow. */
  useRoutes: (from: Name, to: Name, names: string[]) => Promise<void>
  /** Loses what is sent for `tookMs`, and then uses these routes; `both` does so in both directions at one moment. Resolves when it has begun. */
  failOver: (from: Name, to: Name, failover: FailoverOptions) => Promise<void>
  /** The log of failovers, one entry per direction, in ms of CLOCK_MONOTONIC: what `process.hrtime` counts in every process of this machine. */
  failovers: () => Promise<Failover[]>
  routes: () => Promise<Record<Name, Record<Name, RoutesSeen>>>
  /** By `from` and `to`, since the start. */
  counters: () => Promise<Record<Name, Record<Name, Counters>>>
  /** Ends every process of the network; resolves when all are gone. May be called again. */
  stop: () => Promise<void>
  [Symbol.asyncDispose]: () => Promise<void>
}

/**
 * Starts a network. Rejects with every problem of the description at once, with the reason where the host can't simulate, and with the signal's
 * reason when it is aborted. A signal aborted later stops the network.
 */
export async function startNetwork<Name extends string>(
  options: NetworkOptions & { sites: Record<Name, SiteOptions> },
  signal?: AbortSignal,
): Promise<Network<Name>> {
  const problems = networkProblems(options)
  if (problems.length > 0) throw new Error(`simulated network: ${problems.join('; ')}`)
  signal?.throwIfAborted()
  removeLeftOver()
  const simulation = await canSimulate()
  if (!simulation.possible) throw new Error(`simulated network: ${simulation.reason}`)
  signal?.throwIfAborted()
  const { userNamespace } = simulation
  const children = new Set<ChildProcess>()
  const wan = track(children, startWan(userNamespace))
  const onAbort = () => void stop()
  const stop = () => {
    signal?.removeEventListener('abort', onAbort)
    return stopAll(wan, children)
  }
  signal?.addEventListener('abort', onAbort)
  try {
    const control = createControl(wan)
    const { sites: wanted, links = [], routes = [], seed = 1 } = options
    const { ready } = await control.setUp({ sites: wanted, links, routes, seed, userNamespace })
    signal?.throwIfAborted()
    const [first] = wan.pid === undefined ? [] : childrenOf(wan.pid)
    const pids = new Map(childrenOf(first ?? 0).map(pid => [readProcess(pid)?.numbers.at(-1), pid]))
    const sites = Object.fromEntries(ready.sites.map(({ innerPid, ...site }) => [site.name, { ...site, pid: pids.get(innerPid) ?? 0 }]))
    return operate(sites as Record<Name, RunningSite>, { userNamespace, ipv6: ready.ipv6, wan, children, control, stop })
  } catch (error) {
    await stop()
    throw signal?.aborted ? signal.reason : error
  }
}

type Parts = {
  userNamespace: boolean
  ipv6: boolean
  wan: ChildProcess
  children: Set<ChildProcess>
  control: Control
  stop: () => Promise<void>
}

function operate<Name extends string>(
  sites: Record<Name, RunningSite>,
  { userNamespace, ipv6, wan, children, control, stop }: Parts,
): Network<Name> {
  const names = Object.keys(sites)
  const start = (site: Name, argv: string[], options?: SiteSpawnOptions) => {
    if (!Object.hasOwn(sites, site)) throw new Error(`unknown site ${JSON.stringify(site)}: want one of ${names.join(', ')}`)
    // The number of a holder that is gone may belong to another process by now, in the host's own namespaces.
    if (wan.exitCode !== null || wan.signalCode !== null || !wan.stdin?.writable) throw new Error('simulated network: it has stopped')
    return track(children, spawnInSite(sites[site].pid, userNamespace, argv, options))
  }
  return {
    sites,
    userNamespace,
    ipv6,
    spawn: start,
    async run(site, argv, { input, timeoutMs, ...options } = {}) {
      return collect(start(site, argv, { ...options, stdio: 'pipe' }), input, timeoutMs)
    },
    ...changes<Name>(names, control),
    counters: async () => (await control.tell({ do: 'counters' })).counters as Record<Name, Record<Name, Counters>>,
    failovers: async () => (await control.tell({ do: 'failovers' })).failovers!,
    routes: async () => (await control.tell({ do: 'routes' })).routes as Record<Name, Record<Name, RoutesSeen>>,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

type Changes<Name extends string> = Pick<Network<Name>, 'setLink' | 'setRoute' | 'useRoutes' | 'failOver'>

function changes<Name extends string>(names: string[], control: Control): Changes<Name> {
  const check = (what: string, from: string, to: string, problems: string[]) => {
    const all = [...pairProblems(names, from, to), ...problems]
    if (all.length > 0) throw new Error(`${what} ${from} to ${to}: ${all.join('; ')}`)
  }
  return {
    async setLink(from, to, change) {
      check('link', from, to, linkProblems(change))
      await control.tell({ do: 'link', from, to, change })
    },
    async setRoute(from, to, name, change) {
      check('route', from, to, routeProblems(change))
      await control.tell({ do: 'route', from, to, name, change })
    },
    async useRoutes(from, to, names) {
      check('route', from, to, [])
      await control.tell({ do: 'use', from, to, names })
    },
    async failOver(from, to, failover) {
      const { tookMs } = failover
      check('failover', from, to, tookMs >= 0 && Number.isFinite(tookMs) ? [] : [`tookMs is ${tookMs}, want 0 or more`])
      await control.tell({ do: 'failover', from, to, failover })
    },
  }
}

/**
 * The WAN's process, first in new namespaces. It is killed when this process is (setpriv's pdeathsig on `unshare`, then `--kill-child`), and ends by
 * itself when its input does. /proc is mounted anew where the host allows, so that process numbers in it are the namespace's own.
 */
function startWan(userNamespace: boolean): ChildProcess {
  const here = fileURLToPath(import.meta.url)
  const program = fileURLToPath(new URL(`./wan-process${extname(here)}`, import.meta.url))
  const owner = readProcess(process.pid) ?? { pid: process.pid, startedAt: '' }
  const env = { PATH: toolPath(), LC_ALL: 'C' }
  return spawn(
    'setpriv',
    [
      ...['--pdeathsig', 'KILL', 'unshare', ...unshareArguments(userNamespace)],
      ...['sh', '-c', 'mount -t proc proc /proc 2>/dev/null; exec "$@"', 'sh'],
      ...[...exactly(env), process.execPath, program, ownerMark(owner)],
    ],
    { detached: true, stdio: 'pipe', env },
  )
}

function track(children: Set<ChildProcess>, child: ChildProcess): ChildProcess {
  children.add(child)
  child.once('exit', () => children.delete(child)).once('error', () => child.pid === undefined && children.delete(child))
  return child
}

/** A moment to end by itself, at the end of its input. */
const GRACE_MS = 500

async function stopAll(wan: ChildProcess, children: Set<ChildProcess>): Promise<void> {
  const timer = setTimeout(() => wan.kill('SIGKILL'), GRACE_MS)
  wan.stdin?.end()
  await Promise.all([...children].map(child => once(child, 'exit').catch(() => {})))
  clearTimeout(timer)
}
