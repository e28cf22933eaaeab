import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type Network, startNetwork } from '../../../deploy/sim/network.ts'
import type { NetworkOptions, SiteOptions } from '../../../deploy/sim/plan.ts'
import { cleanEnv } from '../../lab/clean-env.ts'
import type { Seen as SeenDatagram } from './programs/datagrams.ts'
import type { Seen as SeenStream } from './programs/stream.ts'

export type Packet = { size: number; replySize?: number; ttl?: number; df?: boolean }
export type TwoSites = Network<'aws' | 'azure'> & {
  /** Packets from aws to the echo server in azure, one after the other. */
  send: (packets: Packet[], family?: 4 | 6, waitMs?: number) => Promise<SeenDatagram[]>
  /** One TCP message of so many bytes from aws, echoed by azure. */
  stream: (bytes: number, options?: { family?: 4 | 6; waitMs?: number; second?: number }) => Promise<SeenStream>
}

/** A node that runs a program of this folder. */
export const program = (name: string, ...args: string[]): string[] => [
  process.execPath,
  fileURLToPath(new URL(`./programs/${name}.ts`, import.meta.url)),
  ...args,
]

/** aws and azure with an echo server in azure; the caller stops it. */
export async function startTwoSites(
  links: NetworkOptions['links'] = [],
  sites: { aws?: SiteOptions; azure?: SiteOptions } = {},
  routes: NetworkOptions['routes'] = [],
): Promise<TwoSites> {
  const network = await startNetwork({ sites: { aws: sites.aws ?? {}, azure: sites.azure ?? {} }, links, routes })
  const server = network.spawn('azure', program('echo-server'), { stdio: ['ignore', 'pipe', 'inherit'], env: cleanEnv })
  await once(server.stdout!, 'data')
  const address = (family: 4 | 6) => (family === 6 ? network.sites.azure.address6 : network.sites.azure.address)
  async function run<T>(name: string, argument: object): Promise<T> {
    const { status, stdout, stderr } = await network.run('aws', program(name, JSON.stringify(argument)), {
      env: cleanEnv,
      timeoutMs: 20_000,
    })
    if (status !== 0) throw new Error(`${name} ended with ${status}: ${stderr}`)
    return JSON.parse(stdout) as T
  }
  return Object.assign(network, {
    send: (packets: Packet[], family: 4 | 6 = 4, waitMs = 600) =>
      run<SeenDatagram[]>('datagrams', { address: address(family), packets, waitMs }),
    stream: (bytes: number, { family = 4, waitMs = 1000, second }: { family?: 4 | 6; waitMs?: number; second?: number } = {}) =>
      run<SeenStream>('stream', { address: address(family), bytes, waitMs, second }),
  })
}
