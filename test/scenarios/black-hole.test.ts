import t from 'tap'
import type { Link } from '../../deploy/sim/link.ts'
import type { SiteOptions } from '../../deploy/sim/plan.ts'
import { startCloudPair } from '../lab/cloud-pair.ts'
import { needsNamespaces } from '../lab/needs-namespaces.ts'
import { probeFrom } from '../lab/probe-in.ts'

const skip = await needsNamespaces()

type Hole = {
  name: string
  forward?: Partial<Link>
  reverse?: Partial<Link>
  sites?: { aws?: SiteOptions; azure?: SiteOptions }
  family?: 4 | 6
  direction: 'forward' | 'reverse' | 'both'
  sizes: [forward: number, reverse: number]
  recommendedMss: number
  /** Beside the black hole. */
  causes?: string[]
  evidence?: RegExp
  measured?: object
}

const silent = { dropIcmp: true }

const holes: Hole[] = [
  {
    name: 'a tunnel drops packets over 1420 bytes one way and over 1380 the other, ping passes',
    forward: { mtu: 1420 },
    reverse: { mtu: 1380 },
    direction: 'both',
    sizes: [1420, 1380],
    recommendedMss: 1340,
    evidence: /small echoes pass without loss: 5 of 5/,
  },
  {
    name: 'the same tunnel with 35 ms of round trip',
    forward: { mtu: 1420, delayMs: 17.5 },
    reverse: { mtu: 1380, delayMs: 17.5 },
    direction: 'both',
    sizes: [1420, 1380],
    recommendedMss: 1340,
  },
  {
    name: 'the same tunnel drops every ICMP packet as well',
    forward: { mtu: 1420, ...silent },
    reverse: { mtu: 1380, ...silent },
    direction: 'both',
    sizes: [1420, 1380],
    recommendedMss: 1340,
    causes: ['icmp_filtered'],
  },
  {
    name: 'the tunnel is narrow towards the target only',
    forward: { mtu: 1420 },
    direction: 'forward',
    sizes: [1420, 1500],
    recommendedMss: 1380,
  },
  {
    name: 'the tunnel is narrow from the target only',
    reverse: { mtu: 1380 },
    direction: 'reverse',
    sizes: [1500, 1380],
    recommendedMss: 1340,
  },
  {
    name: 'the tunnel is narrow from the target only, and drops every ICMP packet',
    forward: silent,
    reverse: { mtu: 1380, ...silent },
    direction: 'reverse',
    sizes: [1500, 1380],
    recommendedMss: 1340,
    causes: ['icmp_filtered'],
  },
  {
    name: 'the hole is one byte wide: 1422 passes, 1423 vanishes, 1424 is refused by the own interface',
    sites: { aws: { interfaceMtu: 1423 } },
    forward: { mtu: 1422 },
    direction: 'forward',
    sizes: [1422, 1423],
    recommendedMss: 1382,
    evidence: /^forward, .* path MTU 1422 bytes .*TCP sends up to 1423 bytes, so a hole one byte wide$/,
    measured: { localMtu: 1423, echoMtu: 1422, forward: { tcpPacket: 1423 } },
  },
  {
    name: "jumbo frames on our side, and a tunnel that is narrow from the target: the peer's plain Ethernet is no clamp",
    sites: { aws: { interfaceMtu: 9001 } },
    forward: { dropIcmpErrors: true },
    reverse: { mtu: 1380, signal: true },
    direction: 'reverse',
    sizes: [1500, 1380],
    recommendedMss: 1340,
    measured: { localMtu: 9001, forward: { tcpPacket: 1500, clamped: false } },
  },
  {
    name: 'over IPv6 a tunnel drops packets over 1420 bytes one way and over 1380 the other',
    family: 6,
    forward: { mtu: 1420 },
    reverse: { mtu: 1380 },
    direction: 'both',
    sizes: [1420, 1380],
    recommendedMss: 1320,
  },
  {
    name: 'over IPv6 the tunnel is narrow from the target only, and drops every ICMP packet',
    family: 6,
    forward: silent,
    reverse: { mtu: 1281, ...silent },
    direction: 'reverse',
    sizes: [1500, 1281],
    recommendedMss: 1221,
    causes: ['icmp_filtered'],
  },
]

/** A full diagnosis takes no longer, whatever is wrong: ten seconds (test/bench/black-hole.ts), and twice that beside other tests. */
const mostMs = 20_000

for (const { name, direction, sizes, recommendedMss, causes = [], evidence, measured = {}, ...network } of holes) {
  t.test(name, { skip }, async t => {
    await using pair = await startCloudPair(network)
    const run = await probeFrom(pair)
    t.equal(run.status, 1)
    t.equal(run.document.verdict, 'fail')
    t.strictSame(run.causes, ['path_mtu_black_hole', ...causes])
    t.match(run.result('mtu'), { outcome: { reason: 'mtu_black_hole' }, measured: { ...measured, recommendedMss } })
    const [forward, reverse] = sizes
    t.match(run.result('mtu').measured, { forward: { pathMtu: forward }, reverse: { pathMtu: reverse } })
    for (const way of direction === 'both' ? (['forward', 'reverse'] as const) : [direction])
      t.match(run.result('mtu').measured[way], { blackHole: true, atLeast: false }, 'exactly')
    t.match(run.result('tcp').outcome, { kind: 'ok' }, 'TCP connects')

    const found = run.diagnosis('path_mtu_black_hole')
    t.match(found, { layer: 'path', direction, confidence: 'certain', next: /^probe run mtu:\/\// })
    for (const size of new Set(sizes.filter(size => size < 1423))) t.match(found.summary, `${size} bytes`)
    if (evidence)
      t.ok(
        found.evidence?.some(fact => evidence.test(fact)),
        String(evidence),
      )
    const clamps = found.fixes?.filter(({ command }) => command.includes(`maxseg size set ${recommendedMss}`)) ?? []
    t.match(clamps, [{ where: /gateway/, command: /^nft add rule / }], 'a clamp to paste')
    t.ok(run.wallMs < mostMs, `took ${Math.round(run.wallMs)} ms`)
  })
}
