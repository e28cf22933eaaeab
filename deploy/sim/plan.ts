/** Who has which address, and the `ip` commands that make it so. Pure. */
import { type Link, linkProblems } from './link.ts'
import { type RouteOptions, routesProblems } from './route.ts'

export type SiteOptions = {
  /** MTU of the site's `eth0`, 1280 (the least that IPv6 takes, RFC 8200 §5) to 65535; 1500 unless given. */
  interfaceMtu?: number
  /** Whether datagram ICMP sockets need no privilege in the site (`net.ipv4.ping_group_range`); open unless given. */
  pingGroupRange?: 'open' | 'closed'
}

export type NetworkOptions = {
  sites: Record<string, SiteOptions>
  /** Directions that are not perfect. One entry sets one direction only. */
  links?: ({ from: string; to: string } & Partial<Link>)[]
  /** Ways through routers, in one direction each. Where a direction has several, the first is in use until it is told otherwise. */
  routes?: RouteOptions[]
  /** Of the random loss, duplication, reordering and jitter; 1 unless given. */
  seed?: number
}

/** A site as laid out: its own subnets, reached through the WAN hop's address `gateway`. */
export type Site = Required<SiteOptions> & {
  name: string
  /** Counts from 1; in every address, MAC and interface name of the site. */
  index: number
  address: string
  address6: string
  gateway: string
  gateway6: string
  mac: string
  gatewayMac: string
  /** The router's end of the cable. */
  routerInterface: string
}

/** The router's own interfaces never limit a packet: links and sites do. The largest MTU of a veth (drivers/net/veth.c). */
const ROUTER_MTU = 65_535

export const planSites = (sites: Record<string, SiteOptions>): Site[] =>
  Object.entries(sites).map(([name, { interfaceMtu = 1500, pingGroupRange = 'open' }], position) => {
    const index = position + 1
    const hex = index.toString(16).padStart(2, '0')
    return {
      name,
      index,
      interfaceMtu,
      pingGroupRange,
      address: `10.${index}.0.2`,
      address6: `fd00:${index.toString(16)}::2`,
      gateway: `10.${index}.0.1`,
      gateway6: `fd00:${index.toString(16)}::1`,
      mac: `02:00:00:00:${hex}:02`,
      gatewayMac: `02:00:00:00:${hex}:01`,
      routerInterface: `r${index}`,
    }
  })

/** Sites in networks that are there: of each the gateway's address, which the WAN takes; all of its /24 is the site. */
export const planBridged = (sites: Record<string, SiteOptions>, gateways: Record<string, string>): Site[] =>
  planSites(sites).map(site => ({ ...site, address: gateways[site.name]!, gateway: gateways[site.name]! }))

/** All problems of a network's description, one line each. */
export function networkProblems({ sites, links = [], routes = [], seed }: NetworkOptions): string[] {
  const names = Object.keys(sites)
  return [
    ...(names.length === 0 || names.length > 250 ? [`${names.length} sites, want 1 to 250`] : []),
    ...names.filter(name => !/^[a-z0-9][a-z0-9-]*$/.test(name)).map(name => `site ${JSON.stringify(name)}: want a-z, 0-9 and -`),
    ...Object.entries(sites).flatMap(([name, site]) => siteProblems(site).map(problem => `site ${name}: ${problem}`)),
    ...links.flatMap(({ from, to, ...change }) =>
      [...pairProblems(names, from, to), ...linkProblems(change)].map(problem => `link ${from} to ${to}: ${problem}`),
    ),
    ...routes.flatMap(({ from, to, name }) => pairProblems(names, from, to).map(problem => `route ${from} to ${to} ${name}: ${problem}`)),
    ...routesProblems(routes),
    ...(seed === undefined || Number.isSafeInteger(seed) ? [] : [`seed is ${seed}, want a whole number`]),
  ]
}

/** What is wrong with an ordered pair of sites. */
export const pairProblems = (names: string[], from: string, to: string): string[] => [
  ...[from, to].filter(name => !names.includes(name)).map(name => `unknown site ${JSON.stringify(name)}: want one of ${names.join(', ')}`),
  ...(from === to ? ['a site has no link to itself'] : []),
]

const siteProblems = ({ interfaceMtu = 1500, pingGroupRange = 'open' }: SiteOptions): string[] => [
  ...(Number.isInteger(interfaceMtu) && interfaceMtu >= 1280 && interfaceMtu <= 65_535
    ? []
    : [`interfaceMtu is ${interfaceMtu}, want a whole number from 1280 to 65535`]),
  ...(['open', 'closed'].includes(pingGroupRange) ? [] : [`pingGroupRange is ${pingGroupRange}, want open or closed`]),
]

/** For `ip -batch -` in the router's namespace; `holders` are the processes in the sites' namespaces, in order. */
export const routerCommands = (sites: Site[], holders: number[], ipv6: boolean): string =>
  [
    'link set lo up',
    ...sites.flatMap((site, at) => [
      `link add name ${site.routerInterface} address ${site.gatewayMac} mtu ${ROUTER_MTU} type veth peer name eth0 address ${site.mac} mtu ${site.interfaceMtu} netns ${holders[at]}`,
      ...addresses(site.routerInterface, site.gateway, site.gateway6, site.address, site.address6, site.mac, ipv6),
    ]),
  ].join('\n')

/** For `ip -batch -` in a site's namespace. */
export const siteCommands = (site: Site, ipv6: boolean): string =>
  [
    'link set lo up',
    ...addresses('eth0', site.address, site.address6, site.gateway, site.gateway6, site.gatewayMac, ipv6),
    `route add default via ${site.gateway} dev eth0`,
    ...(ipv6 ? [`route add ::/0 via ${site.gateway6} dev eth0`] : []),
  ].join('\n')

/** One end of a cable. The neighbour is entered by hand, so that no address is ever resolved. */
const addresses = (device: string, own: string, own6: string, peer: string, peer6: string, peerMac: string, ipv6: boolean): string[] => [
  `address add ${own}/24 dev ${device}`,
  ...(ipv6 ? [`address add ${own6}/64 dev ${device} nodad`] : []),
  `link set ${device} up`,
  `neighbour add ${peer} lladdr ${peerMac} nud permanent dev ${device}`,
  ...(ipv6 ? [`neighbour add ${peer6} lladdr ${peerMac} nud permanent dev ${device}`] : []),
]

/** Settings below /proc/sys/net, set in a fresh namespace before it has an interface (kernel: Documentation/networking/ip-sysctl.rst). */
export const routerSettings: Record<string, string> = {
  'ipv4/ip_forward': '0',
  'ipv6/conf/all/forwarding': '0',
  'ipv6/conf/all/disable_ipv6': '0',
  'ipv6/conf/default/disable_ipv6': '0',
  'ipv6/conf/default/accept_dad': '0',
  'ipv6/conf/default/accept_ra': '0',
  'ipv6/conf/default/router_solicitations': '0',
}

/** The same for a site. */
export const siteSettings = (site: Site, userNamespace: boolean): Record<string, string> => ({
  ...routerSettings,
  'ipv4/conf/all/rp_filter': '0',
  'ipv4/conf/default/rp_filter': '0',
  'ipv4/tcp_no_metrics_save': '1',
  'ipv4/tcp_mtu_probing': '0',
  ...pingGroupRange(site.pingGroupRange, userNamespace),
})

/** A fresh namespace is closed. Groups must exist to be named: in a user namespace there is only 0. */
const pingGroupRange = (wanted: Site['pingGroupRange'], userNamespace: boolean): Record<string, string> =>
  wanted === 'closed' ? {} : { 'ipv4/ping_group_range': userNamespace ? '0 0' : '0 2147483647' }
