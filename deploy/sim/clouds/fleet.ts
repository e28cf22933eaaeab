/** The fleet file of the simulation: what a team with these three clouds would have in Git. */
import { stringify } from 'yaml'
import {
  type Cloud,
  cloudNames,
  clouds,
  delayOf,
  endpointIdOf,
  type Layout,
  operations,
  type Pair,
  pairs,
  ports,
  regionOf,
  serviceIdOf,
  services,
  trustDomainOf,
  workload,
} from './clouds.ts'

/** `keysFile`: where the controller finds the (empty) key set of the clusters, whose agents enrol by SVID; `bundleFile`: the first bundle of a trust domain; `authorityPem`: its root. */
export type FleetFiles = { keysFile: string; bundleFile: (cloud: Cloud) => string; authorityPem: (cloud: Cloud) => string }

/** A dozen processes share what one machine has: a run is late more often than on a node of its own. */
const lateness = '300ms'

/** As YAML. */
export const buildFleet = (layout: Layout, around: FleetFiles): string =>
  stringify({
    apiVersion: 'causeway/v1',
    owner: 'simulation',
    clusters: cloudNames.map(cloud => clusterOf(cloud, around)),
    trustDomains: cloudNames.map(cloud => ({
      name: trustDomainOf(cloud),
      bundleEndpoint: {
        url: `https://${layout.services[cloud]}:${ports.bundle}/`,
        profile: 'https_spiffe',
        endpointId: endpointIdOf(cloud),
      },
      bundle: { file: around.bundleFile(cloud) },
    })),
    targets: [
      ...services.map(service => ({
        name: service.name,
        address: `${layout.services[service.cloud]}:${service.port}`,
        location: regionOf(service.cloud),
        expectId: serviceIdOf(service),
      })),
      ...cloudNames.map(cloud => ({
        name: `bundle-${cloud}`,
        address: `${layout.services[cloud]}:${ports.bundle}`,
        location: regionOf(cloud),
        expectId: endpointIdOf(cloud),
      })),
      { name: 'ledger-name', address: 'ledger.azure.example' },
      { name: 'predictor-role', address: workload.to },
    ],
    checks: [
      { name: 'icmp', kind: 'icmp', every: '5s', lateness },
      { name: 'tcp', kind: 'tcp', every: '5s', options: { payload: '64KiB' }, lateness },
      { name: 'udp', kind: 'udp', every: '10s', lateness },
      { name: 'mtu', kind: 'mtu', every: '30s', lateness },
      { name: 'mtls', kind: 'mtls', every: '10s', targets: services.map(({ name }) => name), lateness },
      ...cloudNames.map(cloud => ({
        name: `bundle-${cloud}`,
        kind: 'bundle',
        every: '15s',
        targets: [`bundle-${cloud}`],
        options: { profile: 'https_spiffe', trustDomain: trustDomainOf(cloud) },
      })),
      ...cloudNames.map(cloud => ({
        ...{ name: `tls-sizes-${cloud}`, kind: 'tls', every: '30s', lateness },
        targets: [`bundle-${cloud}`],
        options: { ladder: true, ca: around.authorityPem(cloud) },
      })),
      ...cloudNames.map(cloud => namesOf(cloud, layout)),
      {
        ...{ name: 'federation', kind: 'federation', every: '15s', lateness },
        targets: ['predictor-role'],
        from: { cloud: [workload.cloud] },
      },
    ],
    mesh: [{ name: 'cross-cloud', checks: ['icmp', 'tcp', 'udp', 'mtu'], policy: 'full' }],
    links: pairs.flatMap(linkOf),
  })

/** Twice the round trip, and what a busy machine adds. */
const p95Of = (pair: Pair): string => `${Math.ceil(4 * delayOf(pair)) + 30}ms`

const linkOf = (pair: Pair) => {
  const { from, to, medium } = pair
  if (from === operations || to === operations || !medium) return []
  const objective = { availability: 99.9, p95: p95Of(pair), outage: '30s' }
  return [{ from: regionOf(from), to: regionOf(to), medium, reach: 'pod', objective }]
}

/** Its agents show their SVIDs; no projected token is ever taken from it. */
const clusterOf = (cloud: Cloud, { keysFile }: FleetFiles) => ({
  name: clouds[cloud].cluster,
  issuer: `https://oidc.${trustDomainOf(cloud)}`,
  jwks: { file: keysFile },
  cloud,
  region: clouds[cloud].region,
})

const namesOf = (cloud: Cloud, layout: Layout) => ({
  name: `dns-${cloud}`,
  kind: 'dns',
  every: '10s',
  targets: ['ledger-name'],
  from: { cloud: [cloud] },
  options: { resolvers: [`${layout.services[cloud]}:${ports.dns}`], expect: [layout.services.azure] },
})
