/** The three simulated clouds: what is in them, how far apart they are, and where everything listens. Data and pure functions. */
import type { Link } from '../link.ts'
import type { RouteChange } from '../route.ts'

export const clouds = {
  aws: { region: 'us-east-1', zones: ['us-east-1a', 'us-east-1b'], cluster: 'eks-prod', services: ['payments', 'orders'] },
  azure: { region: 'eastus', zones: ['eastus-1', 'eastus-2'], cluster: 'aks-prod', services: ['ledger', 'accounts'] },
  gcp: { region: 'us-central1', zones: ['us-central1-a', 'us-central1-b'], cluster: 'gke-prod', services: ['predictions', 'features'] },
} as const satisfies Record<string, { region: string; zones: [string, string]; cluster: string; services: [string, string] }>

export type Cloud = keyof typeof clouds
export const cloudNames = Object.keys(clouds) as Cloud[]
/** Where the controller is: reached from every cloud, and in none of them. */
export const operations = 'ops'
export type Place = Cloud | typeof operations
export const placeNames: readonly Place[] = [...cloudNames, operations]

export type Agent = { id: string; cloud: Cloud; zone: string }
export const agents: readonly Agent[] = cloudNames.flatMap(cloud =>
  clouds[cloud].zones.map((zone, at) => ({ id: `${cloud}-${at + 1}`, cloud, zone })),
)
export type Service = { name: string; cloud: Cloud; port: number; host: string }
export const services: readonly Service[] = cloudNames.flatMap(cloud =>
  clouds[cloud].services.map((name, at) => ({ name, cloud, port: 8443 + at, host: `${name}.${cloud}.example` })),
)
export const ports = { bundle: 8448, issuer: 8449, tokens: 8450, dns: 5300, controller: 8443 } as const

export const regionOf = (cloud: Cloud): string => `${cloud}/${clouds[cloud].region}`
export const trustDomainOf = (cloud: Cloud): string => `${cloud}.example`
export const agentIdOf = (cloud: Cloud): string => `spiffe://${trustDomainOf(cloud)}/agent`
export const serviceIdOf = ({ cloud, name }: Pick<Service, 'cloud' | 'name'>): string =>
  `spiffe://${trustDomainOf(cloud)}/ns/core/sa/${name}`
export const endpointIdOf = (cloud: Cloud): string => `spiffe://${trustDomainOf(cloud)}/bundle-endpoint`

/** Who gets a credential of another cloud for the token of its own cluster: a pod of gcp, a role of aws. */
export const workload = {
  cloud: 'gcp',
  to: 'aws',
  subject: 'system:serviceaccount:ml:predictor',
  role: 'arn:aws:iam::111122223333:role/predictor',
  audience: 'sts.amazonaws.com',
} as const satisfies { cloud: Cloud; to: Cloud } & Record<string, string>

/** Who is at which address. */
export type Layout = { agents: Readonly<Record<string, string>>; services: Readonly<Record<Cloud, string>>; controller: string }

export type Medium = 'vpn' | 'interconnect' | 'internet'
/** `link`: what is true of the gateways at its ends, whatever lies between them. */
export type Pair = { from: Place; to: Place; link: Partial<Link>; medium?: Medium; routes: Record<RouteName, RouteChange> }
/** What packets take while nothing is wrong, and what routing falls back on. */
export type RouteName = 'main' | 'detour'

/**
 * A tunnel takes 80 bytes of each packet, says so, and clamps the MSS to what is left (1420 less 40 bytes of headers). Kernels remember for ten minutes what they are
 * told so, and send nothing larger: what is to show as a hole at once has to be smaller than anything that was said before.
 */
const tunnel: Partial<Link> = { mtu: 1420, signal: true, clampMss: 1380 }
/** Over the internet in a smaller tunnel, which says nothing: nobody is to remember it afterwards. */
const backup: RouteChange = { delayMs: 29, jitterMs: 1, hops: 9, mtu: 1380, signal: false, clampMss: 1340 }
/** Two machines of one cloud, in different zones. */
export const withinCloud: Partial<Link> = { delayMs: 0.3 }
/** What is measured reaches the controller by another way than what is measured goes. */
const management = { link: {}, routes: { main: { delayMs: 5, hops: 1 }, detour: { delayMs: 5, hops: 1 } } }

type Between = { a: Cloud; b: Cloud } & Omit<Pair, 'from' | 'to'>
const between: readonly Between[] = [
  { a: 'aws', b: 'azure', medium: 'vpn', link: tunnel, routes: { main: { delayMs: 17.5, hops: 4 }, detour: backup } },
  { a: 'aws', b: 'gcp', medium: 'interconnect', link: {}, routes: { main: { delayMs: 4, hops: 2 }, detour: backup } },
  {
    ...{ a: 'azure', b: 'gcp', medium: 'internet', link: {} },
    routes: { main: { delayMs: 24, jitterMs: 2, hops: 7 }, detour: { delayMs: 55, jitterMs: 3, hops: 12 } },
  },
]

/** Each direction between two places. */
export const pairs: readonly Pair[] = [
  ...between.flatMap(({ a, b, ...rest }) => [
    { from: a, to: b, ...rest },
    { from: b, to: a, ...rest },
  ]),
  ...cloudNames.flatMap(cloud => [
    { from: cloud, to: operations, ...management } as const,
    { from: operations, to: cloud, ...management } as const,
  ]),
]
/** One way, in ms, while nothing is wrong. */
export const delayOf = ({ routes }: Pair): number => routes.main.delayMs ?? 0
