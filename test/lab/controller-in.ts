/** The real `probe controller` in a site of a simulated network, agents under it in any site, and the commands of people who ask it. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Network } from '../../deploy/sim/network.ts'
import type { SiteRun } from '../../deploy/sim/site-process.ts'
import { type AgentProcess, agentCommand, followAgent } from './agent-process.ts'
import { cleanEnv } from './clean-env.ts'
import { probe } from './probe-in.ts'

export type SiteController<Site extends string> = AgentProcess & {
  url: string
  folder: string
  /** What it said on stdout when it started. */
  welcome: string
  /** A command of people, as its first admin, in the controller's site: `get links --output json`. */
  ask(...words: string[]): Promise<SiteRun>
  /** An agent of this id in a site, enrolled with a join token of its own; resolves when it measures. */
  startAgent(site: Site, id: string, place: { cloud: string; region: string }, config?: object): Promise<AgentProcess>
}

export type ControllerOptions = { words?: string[]; folder?: string; env?: NodeJS.ProcessEnv }

/** Over TLS by its own authority: other sites reach it by the site's address. The network ends it. */
export const startControllerIn = async <Site extends string>(
  network: Network<Site>,
  site: NoInfer<Site>,
  { words = [], folder = mkdtempSync(join(tmpdir(), 'controller-')), env = {} }: ControllerOptions = {},
): Promise<SiteController<Site>> => {
  const { address } = network.sites[site]
  const argv = [process.execPath, probe, 'controller', '--listen', `${address}:8443`, '--data', join(folder, 'data'), ...words]
  const child: ChildProcess = network.spawn(site, argv, { env: { ...cleanEnv, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let welcome = ''
  child.stdout!.on('data', text => (welcome += String(text)))
  const process_ = followAgent(child)
  await process_.hear(/^serving$/)
  while (!welcome.includes('Next')) await once(child.stdout!, 'data')
  const url = `https://${address}:8443`
  const authority = join(folder, 'data', 'authority.pem')
  const [token] = /cwp_\S+/.exec(welcome) ?? ['']
  const asPerson = { ...cleanEnv, CAUSEWAY_CONTROLLER: url, CAUSEWAY_TOKEN: token, XDG_CONFIG_HOME: folder }
  const ask = (...given: string[]): Promise<SiteRun> =>
    network.run(site, [process.execPath, probe, ...given, '--ca', authority], { env: asPerson, timeoutMs: 60_000 })
  return {
    ...process_,
    url,
    folder,
    welcome,
    ask,
    async startAgent(at, id, { cloud, region }, config = {}) {
      const made = await ask('join-token', '--agent', id, '--cloud', cloud, '--region', region)
      if (made.status !== 0) throw new Error(`no join token: ${made.stderr}`)
      const data = join(folder, `agent-${id}`)
      const file = { agent: { interception: 'off' }, controller: { url }, responder: {}, data, ...config }
      const command = agentCommand(join(folder, `${id}.yaml`), file)
      const agent = followAgent(
        network.spawn(at, command, { env: { ...cleanEnv, CAUSEWAY_JOIN_TOKEN: made.stdout.trim() }, stdio: ['ignore', 'pipe', 'pipe'] }),
      )
      await agent.hear(/^measuring$/)
      return agent
    },
  }
}
