/** Two simulated clouds, aws and azure, with services in azure: the stage of the scenarios. Runs go from aws. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Link } from '../../deploy/sim/link.ts'
import { type Network, startNetwork } from '../../deploy/sim/network.ts'
import type { SiteOptions } from '../../deploy/sim/plan.ts'
import type { Ready, ServerSpec } from '../servers/main.ts'
import { cleanEnv } from './clean-env.ts'

type SiteName = 'aws' | 'azure'

export type PairOptions = {
  /** From aws to azure, and back. 5 ms each way unless told. */
  forward?: Partial<Link>
  reverse?: Partial<Link>
  sites?: Partial<Record<SiteName, SiteOptions>>
  seed?: number
  family?: 4 | 6
  /** What listens at azure's address, on port 8443 unless told: a TLS service whose certificates fill several packets unless told. */
  servers?: ServerSpec[]
}

export type CloudPair = Network<SiteName> & {
  /** Of azure, in the family asked for. */
  address: string
  /** Its service as a target: IPv6 in brackets. */
  target: string
  /** The file with the authority of the services' certificates, readable by everyone. */
  ca: string
}

export const port = 8443
const serversProgram = fileURLToPath(new URL('../servers/main.ts', import.meta.url))

/** Kernels remember path MTUs: so a fresh pair for each test, which takes half a second. Whoever starts it disposes of it. */
export async function startCloudPair({ forward, reverse, sites, seed, family = 4, servers }: PairOptions = {}): Promise<CloudPair> {
  const network = await startNetwork({
    sites: { aws: sites?.aws ?? {}, azure: sites?.azure ?? {} },
    links: [
      { from: 'aws', to: 'azure', delayMs: 5, ...forward },
      { from: 'azure', to: 'aws', delayMs: 5, ...reverse },
    ],
    seed,
  })
  const folder = mkdtempSync(join(tmpdir(), 'cloud-pair-'))
  chmodSync(folder, 0o755)
  const stop = async () => {
    await network.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  const address = family === 6 ? network.sites.azure.address6 : network.sites.azure.address
  const ca = join(folder, 'ca.pem')
  try {
    const specs = (servers ?? [{ kind: 'tls', variant: 'big chain' }]).map(spec => ({ host: address, port, ...spec }))
    const { caPem } = await startServers(network, 'azure', specs)
    writeFileSync(ca, caPem)
  } catch (error) {
    await stop()
    throw error
  }
  const target = `${family === 6 ? `[${address}]` : address}:${port}`
  return { ...network, address, target, ca, stop, [Symbol.asyncDispose]: stop }
}

/** Servers in a site until the network stops; resolves when they listen. */
export async function startServers(network: Network<SiteName>, site: SiteName, servers: ServerSpec[]): Promise<Ready> {
  const argv = [process.execPath, serversProgram, JSON.stringify({ servers })]
  const child: ChildProcess = network.spawn(site, argv, { stdio: ['pipe', 'pipe', 'inherit'], env: cleanEnv })
  const [line] = (await once(child.stdout!, 'data')) as [Buffer]
  return JSON.parse(line.toString()) as Ready
}
