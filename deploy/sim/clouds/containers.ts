/** The same clouds as containers on networks of a container engine: one network for each place, joined by the container that is the WAN. */
import { type BridgedNetwork, startBridgedNetwork } from '../bridged-network.ts'
import { agents, type Cloud, cloudNames, type Layout, type Place, pairs, placeNames } from './clouds.ts'
import { openIdentity, readAuthorities } from './identity.ts'
import type { Stage } from './playing.ts'
import { healthyWorld } from './world.ts'

/** What docker-compose.yml says as well, which a test compares: the networks' first three bytes, and the last one of each container. */
export const subnets: Record<Place, string> = { aws: '10.91.0', azure: '10.92.0', gcp: '10.93.0', ops: '10.94.0' }
const gateway = 1
const firstAgent = 11
const servicesHost = 21
const controllerHost = 10

export const containerLayout: Layout = {
  agents: Object.fromEntries(
    agents.map(({ id, cloud }) => [
      id,
      `${subnets[cloud]}.${firstAgent + agents.filter(one => one.cloud === cloud).findIndex(one => one.id === id)}`,
    ]),
  ),
  services: Object.fromEntries(cloudNames.map(cloud => [cloud, `${subnets[cloud]}.${servicesHost}`])) as Record<Cloud, string>,
  controller: `${subnets.ops}.${controllerHost}`,
}

/** `ended` resolves, with the reason, when the WAN is no more. */
export type Containers = { stage: Stage; ended: Promise<string>; stop(): Promise<void> }

export const startContainersWan = async (folder: string, now: () => number): Promise<Containers> => {
  const network = await startBridgedNetwork({
    gateways: Object.fromEntries(placeNames.map(place => [place, `${subnets[place]}.${gateway}`])),
    links: pairs.map(({ from, to, link }) => ({ from, to, ...link })),
    routes: pairs.flatMap(({ from, to, routes }) => Object.entries(routes).map(([name, route]) => ({ from, to, name, ...route }))),
  })
  return { stage: stageOf(network, folder, now), ended: network.ended, stop: network.stop }
}

const stageOf = (network: BridgedNetwork, folder: string, now: () => number): Stage => {
  const identity = openIdentity(folder, containerLayout, readAuthorities(folder), now, healthyWorld())
  return {
    setLink: async (from, to, change) => void (await network.tell({ do: 'link', from, to, change })),
    useRoute: async (from, to, route, tookMs) =>
      void (await network.tell(
        tookMs === undefined
          ? { do: 'use', from, to, names: [route] }
          : { do: 'failover', from, to, failover: { routes: [route], tookMs } },
      )),
    setIdentities: world => identity.write(world),
  }
}
