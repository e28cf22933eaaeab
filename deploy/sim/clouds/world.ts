/** How the simulated world is while nothing is wrong, and what faults make of it. Pure: whoever runs it makes the difference real. */
import { type Link, perfectLink } from '../link.ts'
import { type Cloud, cloudNames, type Place, pairs, type RouteName, services, workload } from './clouds.ts'

/** Which certificate a service shows. */
export type Shown =
  | 'its own'
  | "another service's"
  | 'almost over'
  | 'from the future'
  | 'of the next authority'
  | 'over in three weeks'
  | 'below one that is over in three days'

export type World = {
  /** By `from to`. */
  links: Record<string, Partial<Link>>
  /** The same for the route in use; with `afterMs` everything is lost for so long first. */
  uses: Record<string, { route: RouteName; afterMs?: number }>
  services: Record<
    string,
    { shows: Shown /** Clouds whose clients it takes. */; takes: Cloud[] /** Of these, whom its policy lets in. */; admits: Cloud[] }
  >
  clouds: Record<
    Cloud,
    {
      /** How many of its authorities the bundle endpoint publishes: the second one is the next. */
      publishes: 1 | 2
      /** Whose new authorities its agents have not fetched. */
      behind: Cloud[]
      /** Nobody renews the SVIDs of its agents: theirs are over. */
      isLapsed: boolean
      /** What its resolver says in place of the address that a service has. */
      resolves: Record<string, string>
    }
  >
  /** The subject that the role's trust policy allows. */
  trusts: string
}

export const linkKey = (from: Place, to: Place): string => `${from} ${to}`

export const healthyWorld = (): World => ({
  links: Object.fromEntries(pairs.map(({ from, to, link }) => [linkKey(from, to), { ...link }])),
  uses: Object.fromEntries(pairs.map(({ from, to }) => [linkKey(from, to), { route: 'main' as const }])),
  services: Object.fromEntries(
    services.map(({ name }) => [name, { shows: 'its own' as const, takes: [...cloudNames], admits: [...cloudNames] }]),
  ),
  clouds: Object.fromEntries(
    cloudNames.map(cloud => [cloud, { publishes: 1, behind: [], isLapsed: false, resolves: {} }]),
  ) as unknown as World['clouds'],
  trusts: workload.subject,
})

/** The whole of a link, with what is unset said so: the setting of a fault that is over must not stay. */
export const wholeLink = (link: Partial<Link>): Partial<Link> => ({
  ...perfectLink,
  rateBitsPerSecond: undefined,
  mtu: undefined,
  signalMtu: undefined,
  fragment: undefined,
  clampMss: undefined,
  dropTcpPorts: undefined,
  ...link,
})
