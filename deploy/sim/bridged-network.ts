/**
 * The WAN between networks that somebody else has made, with this process on all of them: as in a container of its own beside the clouds'. Needs NET_RAW to
 * take and give packets and NET_ADMIN for the gateways' addresses.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createControl, type Order } from './control.ts'
import type { NetworkOptions } from './plan.ts'

export type BridgedOptions = Pick<NetworkOptions, 'links' | 'routes' | 'seed'> & {
  /** By site, the address of its gateway; the /24 around it is the site. */ gateways: Record<string, string>
}
export type BridgedNetwork = { tell(order: Order): Promise<unknown>; ended: Promise<string>; stop(): Promise<void> }

/** Rejects with the reason when the WAN can't take its place. */
export const startBridgedNetwork = async ({ gateways, links = [], routes = [], seed = 1 }: BridgedOptions): Promise<BridgedNetwork> => {
  const here = fileURLToPath(import.meta.url)
  const program = fileURLToPath(new URL(`./wan-process${extname(here)}`, import.meta.url))
  const child = spawn(process.execPath, [program], { stdio: 'pipe' })
  const ended = once(child, 'close').then(([code, signal]) => `the WAN has ended (${code ?? signal})`)
  const control = createControl(child)
  const sites = Object.fromEntries(Object.keys(gateways).map(name => [name, {}]))
  await control.setUp({ sites, links, routes, seed, userNamespace: false, bridges: gateways })
  return {
    tell: order => control.tell(order),
    ended,
    stop: async () => {
      child.stdin.end()
      await ended
    },
  }
}
