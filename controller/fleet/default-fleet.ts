/** What agents do before anybody has applied a document: they probe each other, so that two that have enrolled say at once what is between them. */
import { type Fleet, fleetSchema } from '../../wire/fleet.ts'
import { readBySchema } from '../../wire/read.ts'

/**
 * A sampled mesh between regions: three pairs for each link, and every agent is probed by two others, the first from its own region. So a fleet of one region is
 * covered too, and what an agent does is bounded by the number of regions, not of agents. Applying any document takes its place.
 */
export const defaultFleet: Fleet = Object.freeze(
  readBySchema(fleetSchema, {
    apiVersion: 'causeway/v1',
    owner: 'default',
    checks: [
      { name: 'default-icmp', kind: 'icmp', every: '10s' },
      { name: 'default-tcp', kind: 'tcp', every: '10s', options: { payload: '16KiB' } },
      { name: 'default-udp', kind: 'udp', every: '10s', options: { count: 20 } },
      { name: 'default-mtu', kind: 'mtu', every: '5m' },
    ],
    mesh: [{ name: 'default', checks: ['default-icmp', 'default-tcp', 'default-udp', 'default-mtu'] }],
    alerts: {},
  }).value as Fleet,
)

/** The documents that agents work by: those of all owners, or this one while there is none. */
export const documentsInForce = (documents: readonly Fleet[]): readonly Fleet[] => (documents.length > 0 ? documents : [defaultFleet])
