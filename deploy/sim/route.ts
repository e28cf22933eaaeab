/** What lies between the gateway of one site and the next site: a link of its own and the routers on it. A direction may have several routes. */
import { type Link, linkProblems } from './link.ts'

/** A router on a route. It takes one from the TTL of every packet, and answers from its own address when none is left. */
export type Router = {
  /** Sends no ICMP errors. */
  silent: boolean
  /** The most ICMP errors that it sends in a second, to all together; as many at once (as Linux limits them: net/ipv4/icmp.c, `icmp_global_allow`). */
  errorsPerSecond?: number
  /** Share of packets that are lost here, 0…1. */
  loss: number
  /** The MPLS label stack that its errors carry (RFC 4950). */
  mplsLabels?: number[]
}

/** A change to a route: settings of its link, which lies between the gateway and the first router, and what follows. */
export type RouteChange = Partial<Link> & {
  /** The routers in order, 0 to 254 of them; a number stands for so many ordinary ones. The route's delay is spread over them evenly. */
  hops?: number | Partial<Router>[]
  /** Whether the last two routers send every packet back and forth until its TTL has run out. */
  loop?: boolean
}

/** The first route that is given for a direction is the one in use. */
export type RouteOptions = { from: string; to: string; name: string } & RouteChange

export const perfectRouter: Readonly<Router> = Object.freeze({ silent: false, loss: 0 })

/** 172.16.0.0/12 has so many blocks of 256 addresses, one per route. */
const MAX_ROUTES = 4096
/** More would leave no TTL for the gateway and the site. */
const MAX_ROUTERS = 254

/** The address of a route's router, by the position of both: a block of 172.16.0.0/12 per route, and fd01:<route + 1>::/64. */
export const routerAddress = (route: number, router: number, version: 4 | 6): string =>
  version === 4 ? `172.${16 + (route >> 8)}.${route & 255}.${router + 1}` : `fd01:${(route + 1).toString(16)}::${(router + 1).toString(16)}`

export const buildRouters = (hops: number | Partial<Router>[]): Router[] =>
  (typeof hops === 'number' ? Array.from({ length: hops }, () => ({})) : hops).map(hop => ({ ...perfectRouter, ...hop }))

/** All problems of a change to a route, each "seen and wanted"; none when it may be applied. */
export const routeProblems = ({ hops, loop, ...link }: RouteChange): string[] => [
  ...linkProblems(link),
  ...hopsProblems(hops),
  ...(loop === undefined || typeof loop === 'boolean' ? [] : [`loop is ${JSON.stringify(loop)}, want true or false`]),
]

function hopsProblems(hops: RouteChange['hops']): string[] {
  if (hops === undefined) return []
  const count = Array.isArray(hops) ? hops.length : hops
  if (!Number.isInteger(count) || count < 0 || count > MAX_ROUTERS)
    return [`hops is ${JSON.stringify(count)}, want 0 to ${MAX_ROUTERS}, or a list of so many`]
  return Array.isArray(hops) ? hops.flatMap((hop, at) => routerProblems(hop).map(problem => `hop ${at + 1}: ${problem}`)) : []
}

const routerChecks: { [K in keyof Required<Router>]: [(value: never) => boolean, string] } = {
  silent: [value => typeof value === 'boolean', 'true or false'],
  errorsPerSecond: [value => typeof value === 'number' && value > 0, 'a number above 0'],
  loss: [value => typeof value === 'number' && value >= 0 && value <= 1, 'a number from 0 to 1'],
  mplsLabels: [
    (value: unknown) =>
      Array.isArray(value) && value.length <= 16 && value.every(label => Number.isInteger(label) && label >= 0 && label < 1 << 20),
    'at most 16 whole numbers below 1048576',
  ],
}

const routerProblems = (router: object): string[] =>
  Object.entries(router).flatMap(([name, value]) => {
    const check = Object.hasOwn(routerChecks, name) ? routerChecks[name as keyof Router] : undefined
    if (!check) return [`unknown setting ${name}: want one of ${Object.keys(routerChecks).join(', ')}`]
    return value === undefined || check[0](value as never) ? [] : [`${name} is ${JSON.stringify(value)}, want ${check[1]}`]
  })

/** What is wrong with the routes of a network, beside the names of their sites. */
export function routesProblems(routes: readonly RouteOptions[]): string[] {
  const keys = routes.map(({ from, to, name }) => `${from} to ${to}: ${name}`)
  return [
    ...(routes.length > MAX_ROUTES ? [`${routes.length} routes, want at most ${MAX_ROUTES}`] : []),
    ...routes
      .filter(({ name }) => !/^[a-z0-9][a-z0-9-]*$/.test(name))
      .map(({ name }) => `route ${JSON.stringify(name)}: want a-z, 0-9 and -`),
    ...keys.filter((key, at) => keys.indexOf(key) !== at).map(key => `route ${key}: given twice`),
    ...routes.flatMap(({ from, to, name, ...change }) =>
      routeProblems(change).map(problem => `route ${from} to ${to} ${name}: ${problem}`),
    ),
  ]
}
