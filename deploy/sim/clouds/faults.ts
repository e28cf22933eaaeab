/** The faults that can be switched on, each a change to the world. Later ones lie over earlier ones. */
import type { Link } from '../link.ts'
import { type Cloud, cloudNames, operations, regionOf, workload } from './clouds.ts'
import { linkKey, type World } from './world.ts'

export type Fault = {
  name: string
  /** Of the list of situations that the program is for. */
  scenario: string
  /** What happens, in one line. */
  story: string
  /** What is to be read after a while, and where. */
  expect: string
  look: string
  change(world: World): void
}

const alter = (world: World, from: Cloud | typeof operations, to: Cloud | typeof operations, change: Partial<Link>): void => {
  const key = linkKey(from, to)
  world.links[key] = { ...world.links[key], ...change }
}
const both = (world: World, a: Cloud, b: Cloud, change: Partial<Link>): void => {
  alter(world, a, b, change)
  alter(world, b, a, change)
}
/** A tunnel that neither says what it drops nor keeps TCP from sending it. */
const silent: Partial<Link> = { signal: false, clampMss: undefined }
const linkOf = (from: Cloud, to: Cloud): string => `probe get links --from ${regionOf(from)} --to ${regionOf(to)}`
const mtlsOf = (service: string): string => `probe get paths --check mtls --target ${service}`

export const faults: readonly Fault[] = [
  {
    name: 'mtu-black-hole',
    scenario: 'N2',
    story: 'the tunnel from azure to aws drops packets above 1380 bytes and says nothing; ping passes, mTLS hangs',
    expect: 'path_mtu_black_hole from azure to aws, 1380 bytes, and the MSS to clamp to',
    look: linkOf('azure', 'aws'),
    change: world => alter(world, 'azure', 'aws', { ...silent, mtu: 1380 }),
  },
  {
    name: 'mtu-signal-eaten',
    scenario: 'N3',
    story: 'the same tunnel does say "fragmentation needed" above 1380 bytes, and a firewall of azure eats it on its way to azure',
    expect: 'a black hole only for what azure sends, and that packet-too-big is lost on the side of azure and not on that of aws',
    look: linkOf('azure', 'aws'),
    change: world => {
      alter(world, 'azure', 'aws', { mtu: 1380 })
      alter(world, 'aws', 'azure', { dropIcmpErrors: true })
    },
  },
  {
    name: 'mss-clamp-one-side',
    scenario: 'N5',
    story: 'both gateways drop silently above 1400 bytes; the one of azure forgot to clamp the MSS of what it forwards',
    expect: 'the MSS is clamped in one direction only, and which gateway lacks it',
    look: linkOf('azure', 'aws'),
    change: world => {
      alter(world, 'aws', 'azure', { mtu: 1400, signal: false, clampMss: 1360 })
      alter(world, 'azure', 'aws', { mtu: 1400, ...silent })
    },
  },
  {
    name: 'big-hello-lost',
    scenario: 'N6',
    story: 'a middlebox from aws to azure loses the second packet of a client hello; post-quantum ones need two',
    expect: 'handshake_too_big, from aws to azure',
    look: 'probe get paths --check tls-sizes-azure --from aws --to azure',
    change: world => alter(world, 'aws', 'azure', { loseSecondSegment: 'tls' }),
  },
  {
    name: 'loss-one-way',
    scenario: 'N7',
    story: '2 % of the packets from azure to gcp are lost, none on the way back',
    expect: 'packet loss from azure to gcp, retransmits above 1 %',
    look: linkOf('azure', 'gcp'),
    change: world => alter(world, 'azure', 'gcp', { loss: 0.02 }),
  },
  {
    name: 'tunnel-down',
    scenario: 'N8',
    story: 'the tunnel between aws and azure ends; after eight seconds routing has moved to another, slower and smaller one',
    expect: 'an outage of some 8 s, then a step of the round trip and of the path MTU',
    look: linkOf('aws', 'azure'),
    change: world => {
      for (const key of ['aws azure', 'azure aws']) world.uses[key] = { route: 'detour', afterMs: 8000 }
    },
  },
  {
    name: 'asymmetric-route',
    scenario: 'N9',
    story: 'from aws to gcp over the interconnect, and back over the internet',
    expect: 'asymmetric_route: the round trip rises in both directions, and only the way back has changed',
    look: linkOf('aws', 'gcp'),
    change: world => void (world.uses['gcp aws'] = { route: 'detour' }),
  },
  {
    name: 'route-change',
    scenario: 'N10',
    story: 'routing between azure and gcp takes a detour that more than doubles the round trip',
    expect: 'p95 above twice its own baseline',
    look: linkOf('azure', 'gcp'),
    change: world => {
      for (const key of ['azure gcp', 'gcp azure']) world.uses[key] = { route: 'detour' }
    },
  },
  {
    name: 'dns-split',
    scenario: 'N12',
    story: 'the private zone of gcp answers ledger.azure.example with a public address',
    expect: 'dns_broken, with the resolver of gcp',
    look: 'probe get paths --check dns-gcp',
    change: world => void (world.clouds.gcp.resolves['ledger'] = '203.0.113.10'),
  },
  {
    name: 'region-egress',
    scenario: 'N14',
    story: 'gcp/us-central1 loses all egress, towards the controller too',
    expect: 'one incident for the region, none for the paths that it explains',
    look: 'probe get links --to gcp/us-central1',
    change: world => {
      for (const place of [...cloudNames.filter(cloud => cloud !== 'gcp'), operations] as const) alter(world, 'gcp', place, { down: true })
    },
  },
  {
    name: 'icmp-filtered',
    scenario: 'N21',
    story: 'nothing answers ICMP between azure and gcp any more; TCP is as before',
    expect: 'icmp_filtered as a warning, and no page',
    look: linkOf('azure', 'gcp'),
    change: world => both(world, 'azure', 'gcp', { dropIcmp: true }),
  },
  {
    name: 'bundle-behind',
    scenario: 'I2',
    story: 'azure.example has rotated its authority, and aws has not fetched the new bundle',
    expect: 'trust_bundle_misaligned: aws lacks an authority of azure.example',
    look: mtlsOf('ledger'),
    change: world => {
      world.clouds.azure.publishes = 2
      world.clouds.aws.behind.push('azure')
      for (const name of ['ledger', 'accounts']) world.services[name]!.shows = 'of the next authority'
    },
  },
  {
    name: 'wrong-identity',
    scenario: 'I5',
    story: 'the address of ledger moved: another service of azure answers there, with a valid SVID of its own',
    expect: 'wrong_identity_served, with both IDs',
    look: mtlsOf('ledger'),
    change: world => void (world.services['ledger']!.shows = "another service's"),
  },
  {
    name: 'peer-rejects-us',
    scenario: 'I7',
    story: 'predictions of gcp no longer trusts aws.example: it refuses the certificates of aws',
    expect: 'peer_rejects_our_identity, from aws only',
    look: mtlsOf('predictions'),
    change: world => void (world.services['predictions']!.takes = cloudNames.filter(cloud => cloud !== 'aws')),
  },
  {
    name: 'rotation-stuck',
    scenario: 'I9',
    story: 'the proxy of payments still serves an old certificate that ends in two minutes',
    expect: 'how many seconds are left, then certificate_rotation_stuck',
    look: mtlsOf('payments'),
    change: world => void (world.services['payments']!.shows = 'almost over'),
  },
  {
    name: 'certificate-ending',
    scenario: 'I10',
    story: 'the certificate of features, which lives for a year, ends in three weeks',
    expect: 'a ticket, with the day on which it ends',
    look: mtlsOf('features'),
    change: world => void (world.services['features']!.shows = 'over in three weeks'),
  },
  {
    name: 'intermediate-ending',
    scenario: 'I10',
    story: 'the certificate of predictions has a week, and an authority between it and the root only three days',
    expect: 'a page that names the authority, not the certificate of the service',
    look: mtlsOf('predictions'),
    change: world => void (world.services['predictions']!.shows = 'below one that is over in three days'),
  },
  {
    name: 'policy-refuses',
    scenario: 'I15',
    story: 'orders of aws knows the agents of azure and its policy does not let them in',
    expect: 'authorization_denied, and no page',
    look: mtlsOf('orders'),
    change: world => void (world.services['orders']!.admits = cloudNames.filter(cloud => cloud !== 'azure')),
  },
  {
    name: 'identity-lapsed',
    scenario: 'I16',
    story: 'the SPIRE agents of the cluster in gcp are down: nobody renews an SVID there, and those of the agents are over',
    expect: 'identity_plane_down of cluster gke-prod, once',
    look: 'probe get paths --check mtls --from gcp/us-central1',
    change: world => void (world.clouds.gcp.isLapsed = true),
  },
  {
    name: 'clock-skew',
    scenario: 'I12',
    story: 'the clock of the authority that issued the SVID of features is five minutes ahead',
    expect: 'clock_skew, not "expired"',
    look: mtlsOf('features'),
    change: world => void (world.services['features']!.shows = 'from the future'),
  },
  {
    name: 'role-refuses-us',
    scenario: 'F12',
    story: 'a pod of gcp no longer gets its role of aws: the trust policy was changed to the namespace ml-staging, and the token is of ml',
    expect: 'federation_subject, and the line of the trust policy to change',
    look: 'probe get paths --check federation',
    change: world => void (world.trusts = workload.subject.replace(':ml:', ':ml-staging:')),
  },
]

export const faultNamed = (name: string): Fault | undefined => faults.find(fault => fault.name === name)
