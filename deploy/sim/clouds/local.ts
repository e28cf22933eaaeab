/** The simulation on this machine: each part a real process in a namespace of its own network. They all end with their owner. */
import { createWriteStream, mkdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { toolPath } from '../can-simulate.ts'
import { type Network, startNetwork } from '../network.ts'
import { agents, type Cloud, cloudNames, type Layout, operations, type Place, pairs, ports, withinCloud } from './clouds.ts'
import { variablesOf } from './federated.ts'
import { files } from './folder.ts'
import { openIdentity, readAuthorities } from './identity.ts'
import type { Stage } from './playing.ts'
import { setUp } from './setup.ts'
import { healthyWorld } from './world.ts'

export type LocalOptions = {
  folder: string
  /** The words that start the `probe` command. */
  probe: readonly string[]
  now: () => number
  /** What has come up, one at a time. */
  say: (text: string) => void
  /** A part that was to stay has ended, with its last words. */
  onEnd: (who: string, words: string) => void
}

export type Local = {
  layout: Layout
  /** Its machines: one for each agent, and that of operations. */
  network: Network
  stage: Stage
  /** A Unix socket behind which the controller is. */
  door: string
  adminToken: string
  /** PEM of the authority of the controller's certificate. */
  ca: string
  stop(): Promise<void>
}

const sitesOf = (place: Place): string[] =>
  place === operations ? [operations] : agents.filter(({ cloud }) => cloud === place).map(({ id }) => id)
/** Where the services of a cloud are: beside its first agent. */
const serviceSite = (cloud: Cloud): string => sitesOf(cloud)[0]!
const siteNames = [...agents.map(({ id }) => id), operations]

const program = (name: string): string => fileURLToPath(new URL(`./${name}${extname(fileURLToPath(import.meta.url))}`, import.meta.url))

/** Rejects when a part does not come up, with what it said, and leaves nothing. */
export const startLocal = async (options: LocalOptions, stop: AbortSignal): Promise<Local> => {
  const { folder, now, say, probe } = options
  const network = await startNetwork(
    { sites: Object.fromEntries(siteNames.map(name => [name, {}])), links: linksOf(), routes: routesOf() },
    stop,
  )
  try {
    say(`the WAN: ${siteNames.length} machines in three clouds, joined by a VPN, an interconnect and the internet`)
    const layout = layoutOf(network)
    const dataOf = (who: string): string => join(folder, 'data', who)
    await setUp({ folder, layout, nowMs: now(), dataOf, controllerNames: [], agentListen: '127.0.0.1:9464' })
    stop.throwIfAborted()
    const start = startIn(network, options, stop)
    const token = join(folder, 'admin-token')
    const door = join(folder, 'controller.sock')
    await Promise.all([
      ...cloudNames.map(cloud =>
        start(serviceSite(cloud), `services-${cloud}`, [
          process.execPath,
          program('services-program'),
          join(folder, files.services(cloud)),
        ]),
      ),
      start(operations, 'controller', [...probe, 'controller', '--config', join(folder, files.controller), '--admin-token-file', token]),
      start(operations, 'door', [process.execPath, program('door-program'), door, `${layout.controller}:${ports.controller}`]),
    ])
    say('services with SVIDs of their own trust domains, and the controller')
    await Promise.all(
      agents.map(({ id, cloud }) =>
        start(id, id, [...probe, 'agent', '--config', join(folder, files.agent(id))], variablesOf(cloud, folder, layout)),
      ),
    )
    say('agents: two in each cloud, enrolled by their SVIDs')
    const ca = readFileSync(join(folder, files.controllerAuthority), 'utf8')
    return {
      layout,
      network,
      stage: stageOf(network, folder, layout, now),
      door,
      adminToken: readFileSync(token, 'utf8').trim(),
      ca,
      stop: network.stop,
    }
  } catch (error) {
    await network.stop()
    throw error
  }
}

/** Each pair of machines in two places. */
const machinesOf = <T>(from: Place, to: Place, make: (a: string, b: string) => T): T[] =>
  sitesOf(from).flatMap(a => sitesOf(to).map(b => make(a, b)))

const routesOf = () =>
  pairs.flatMap(({ from, to, routes }) =>
    Object.entries(routes).flatMap(([name, route]) => machinesOf(from, to, (a, b) => ({ from: a, to: b, name, ...route }))),
  )

const linksOf = () => {
  const between = pairs.flatMap(({ from, to, link }) => machinesOf(from, to, (a, b) => ({ from: a, to: b, ...link })))
  const within = cloudNames.flatMap(cloud => {
    const [a, b] = sitesOf(cloud) as [string, string]
    return [
      { from: a, to: b, ...withinCloud },
      { from: b, to: a, ...withinCloud },
    ]
  })
  return [...between, ...within]
}

const layoutOf = ({ sites }: Network): Layout => ({
  agents: Object.fromEntries(agents.map(({ id }) => [id, sites[id]!.address])),
  services: Object.fromEntries(cloudNames.map(cloud => [cloud, sites[serviceSite(cloud)]!.address])) as Record<Cloud, string>,
  controller: sites[operations]!.address,
})

const stageOf = (network: Network, folder: string, layout: Layout, now: () => number): Stage => {
  const identity = openIdentity(folder, layout, readAuthorities(folder), now, healthyWorld())
  return {
    async setLink(from, to, link) {
      await Promise.all(machinesOf(from, to, (a, b) => network.setLink(a, b, link)))
    },
    async useRoute(from, to, route, tookMs) {
      const routes = [route]
      await Promise.all(
        machinesOf(from, to, (a, b) =>
          tookMs === undefined ? network.useRoutes(a, b, routes) : network.failOver(a, b, { routes, tookMs }),
        ),
      )
    },
    setIdentities: world => identity.write(world),
  }
}

/** Nothing of what its user has set for agents and controllers of their own. */
const partEnvironment = (): NodeJS.ProcessEnv => ({ PATH: toolPath(), ...(process.env['HOME'] && { HOME: process.env['HOME'] }) })

/** What a part says when it is up: the log line of the agent and of the controller, the only line of the others. */
const isUp = /"msg":"(measuring|serving)"|"listening"/

/** Starts a part; resolves when it is up, rejects with its last words when it ends before. What it says is kept in the folder. */
const startIn = (network: Network, { folder, onEnd }: LocalOptions, stop: AbortSignal) => {
  mkdirSync(join(folder, 'logs'), { recursive: true })
  return (site: string, who: string, argv: string[], variables: NodeJS.ProcessEnv = {}): Promise<void> => {
    const child = network.spawn(site, argv, { env: { ...partEnvironment(), ...variables }, stdio: ['ignore', 'pipe', 'pipe'] })
    const log = createWriteStream(join(folder, 'logs', `${who}.log`), { mode: 0o600 }).on('error', () => {})
    return new Promise((resolve, reject) => {
      let words = ''
      let last = ''
      let isReady = false
      for (const stream of [child.stdout!, child.stderr!])
        createInterface({ input: stream }).on('line', line => {
          log.write(`${line}\n`)
          last = line
          if (!isReady) words = `${words}${line}\n`.slice(-2000)
          isReady ||= isUp.test(line)
          if (isReady) resolve()
        })
      child.once('error', reject)
      child.once('close', status => {
        log.end()
        if (!isReady) reject(stop.aborted ? stop.reason : new Error(`${who} did not start (${status ?? 'killed'}): ${words.trim()}`))
        else if (!stop.aborted) onEnd(who, last)
      })
    })
  }
}
