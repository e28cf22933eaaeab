/** What one direction of a simulated link does to the packets that travel in it. The default is a perfect wire. */
export type Link = {
  /** One-way delay of every packet, in ms. */
  delayMs: number
  /** A further delay, uniform in 0…jitterMs. Packets keep their order: only `reorder` changes it. */
  jitterMs: number
  /** Share of packets lost at random, 0…1. */
  loss: number
  /** Share of packets delivered twice, 0…1. */
  duplicate: number
  /** Share of packets held back by `reorderMs`, so that later ones overtake them, 0…1. */
  reorder: number
  reorderMs: number
  /** Serialisation at this rate; more than a quarter of a second of backlog is dropped at the tail. */
  rateBitsPerSecond?: number
  /** The largest IP packet carried, in bytes. */
  mtu?: number
  /** Whether the hop answers a packet over `mtu` with ICMP "fragmentation needed" (RFC 1191) or "packet too big" (RFC 4443 §3.2), from its own address. */
  signal: boolean
  /** The next-hop MTU that the hop announces, when it lies about `mtu`. */
  signalMtu?: number
  /** Whether IPv4 packets without DF and over `mtu` are fragmented (RFC 791 §3.2). Left out: as a router with `signal`, dropped without. */
  fragment?: boolean
  /** The MSS option of SYN and SYN-ACK packets is lowered to this value (RFC 6691 §2: without options of IP or TCP). */
  clampMss?: number
  /** Drops ICMP and ICMPv6 echoes and errors. Neighbour discovery passes. */
  dropIcmp: boolean
  /** Drops only ICMP and ICMPv6 errors: a firewall that eats the signal. The hop's own errors travel in the direction of whoever they tell. */
  dropIcmpErrors: boolean
  /** A middlebox that loses what a client sends after the first data packet, until its server has sent data. Retransmissions too. `tls`: only of those that begin with a hello. */
  loseSecondSegment: boolean | 'tls'
  /** TCP packets to these ports vanish. */
  dropTcpPorts?: number[]
  /** Everything vanishes. */
  down: boolean
}

export const perfectLink: Readonly<Link> = Object.freeze({
  delayMs: 0,
  jitterMs: 0,
  loss: 0,
  duplicate: 0,
  reorder: 0,
  reorderMs: 10,
  signal: false,
  dropIcmp: false,
  dropIcmpErrors: false,
  loseSecondSegment: false,
  down: false,
})

/** Why a packet was not carried: the keys of a direction's `dropped` counters. */
export const dropRules = [
  'down',
  'icmp',
  'icmp_error',
  'tcp_port',
  'second_segment',
  'ttl',
  'mtu',
  'receiver_mtu',
  'loss',
  'queue',
  'failover',
  'router',
] as const
export type DropRule = (typeof dropRules)[number]

/** One direction's counters. `packets` and `bytes` count what arrived at the hop, `delivered` what left it, fragments and duplicates included. */
export type Counters = {
  packets: number
  bytes: number
  delivered: number
  fragmented: number
  duplicated: number
  reordered: number
  /** ICMP errors that this direction's packets caused and that were sent. */
  signalled: number
  /** ICMP errors that were not sent, because the router's limit was reached. */
  limited: number
  clamped: number
  dropped: Record<DropRule, number>
}

export const newCounters = (): Counters => ({
  packets: 0,
  bytes: 0,
  delivered: 0,
  fragmented: 0,
  duplicated: 0,
  reordered: 0,
  signalled: 0,
  limited: 0,
  clamped: 0,
  dropped: Object.fromEntries(dropRules.map(rule => [rule, 0])) as Record<DropRule, number>,
})

type Check = (value: unknown) => string | undefined
const number =
  (low: number, high: number, integer = false): Check =>
  value =>
    typeof value === 'number' && value >= low && value <= high && (!integer || Number.isInteger(value))
      ? undefined
      : `a${integer ? ' whole' : ''} number from ${low} to ${high}`
const boolean: Check = value => (typeof value === 'boolean' ? undefined : 'true or false')
const ports: Check = value => (Array.isArray(value) && value.every(port => !number(1, 65535, true)(port)) ? undefined : 'a list of ports')

const checks: { [K in keyof Required<Link>]: Check } = {
  delayMs: number(0, 60_000),
  jitterMs: number(0, 60_000),
  loss: number(0, 1),
  duplicate: number(0, 1),
  reorder: number(0, 1),
  reorderMs: number(0, 60_000),
  rateBitsPerSecond: number(1_000, 1e12),
  mtu: number(68, 65_535, true),
  signal: boolean,
  signalMtu: number(0, 65_535, true),
  fragment: boolean,
  clampMss: number(1, 65_535, true),
  dropIcmp: boolean,
  dropIcmpErrors: boolean,
  loseSecondSegment: value => (value === 'tls' || typeof value === 'boolean' ? undefined : 'true, false or "tls"'),
  dropTcpPorts: ports,
  down: boolean,
}

const optional: ReadonlySet<string> = new Set(['rateBitsPerSecond', 'mtu', 'signalMtu', 'fragment', 'clampMss', 'dropTcpPorts'])

/** All problems of a change to a link, each "seen and wanted"; none when it may be applied. */
export const linkProblems = (change: object): string[] =>
  Object.entries(change).flatMap(([name, value]) => {
    const check = Object.hasOwn(checks, name) ? checks[name as keyof Link] : undefined
    if (!check) return [`unknown link setting ${name}: want one of ${Object.keys(checks).join(', ')}`]
    if (value === undefined || value === null) return optional.has(name) ? [] : [`${name} can't be unset`]
    const wanted = check(value)
    return wanted ? [`${name} is ${JSON.stringify(value)}, want ${wanted}`] : []
  })

/** The link after a change. A setting given as undefined (null when it came through JSON) is unset. */
export const changeLink = (link: Link, change: { [K in keyof Link]?: Link[K] | null }): Link =>
  Object.fromEntries(Object.entries({ ...link, ...change }).filter(([, value]) => value !== undefined && value !== null)) as Link
