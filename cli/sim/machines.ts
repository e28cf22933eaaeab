/** What is where in the simulation, as rows for people. */
import {
  agentIdOf,
  agents,
  cloudNames,
  type Layout,
  operations,
  ports,
  regionOf,
  serviceIdOf,
  services,
} from '../../deploy/sim/clouds/clouds.ts'
import type { Machine } from './control.ts'

export const listMachines = (layout: Layout): Machine[] => [
  ...cloudNames.flatMap(cloud => [
    ...agents
      .filter(agent => agent.cloud === cloud)
      .map(({ id, zone }) => ({
        name: id,
        what: `agent  ${agentIdOf(cloud)}`,
        where: `${regionOf(cloud)}/${zone}`,
        address: layout.agents[id]!,
      })),
    ...services
      .filter(service => service.cloud === cloud)
      .map(service => ({
        name: service.name,
        what: `mTLS service  ${serviceIdOf(service)}`,
        where: regionOf(cloud),
        address: `${layout.services[cloud]}:${service.port}`,
      })),
  ]),
  { name: 'controller', what: 'controller', where: operations, address: `${layout.controller}:${ports.controller}` },
]
