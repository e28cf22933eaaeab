/** What is no black hole, and must not be called one. */
import t from 'tap'
import { type PairOptions, startCloudPair } from '../lab/cloud-pair.ts'
import { needsNamespaces } from '../lab/needs-namespaces.ts'
import { probeFrom } from '../lab/probe-in.ts'

const skip = await needsNamespaces()
const holes = ['path_mtu_black_hole', 'mss_not_clamped', 'handshake_too_big']

type Story = {
  name: string
  network?: PairOptions
  /** The target's port, when it is not the service's. */
  port?: number
  status: number
  verdict: 'ok' | 'degraded' | 'fail'
  causes: string[]
  confidence?: string
  mtu?: object
  evidence?: RegExp
}

const stories: Story[] = [
  { name: 'a clean path', status: 0, verdict: 'ok', causes: [], mtu: { forward: { pathMtu: 1500 }, reverse: { pathMtu: 1500 } } },
  {
    name: 'a clean path over IPv6',
    network: { family: 6 },
    status: 0,
    verdict: 'ok',
    causes: [],
    mtu: { forward: { pathMtu: 1500 }, reverse: { pathMtu: 1500 } },
  },
  {
    name: 'a narrow path that says so',
    network: { forward: { mtu: 1420, signal: true }, reverse: { mtu: 1380, signal: true } },
    status: 0,
    verdict: 'ok',
    causes: [],
    mtu: { forward: { pathMtu: 1420, signal: 'packet_too_big' }, reverse: { pathMtu: 1380 } },
  },
  {
    name: 'a narrow and silent path whose gateways both clamp the MSS',
    network: { forward: { mtu: 1400, clampMss: 1360 }, reverse: { mtu: 1400, clampMss: 1360 } },
    status: 0,
    verdict: 'ok',
    causes: [],
    mtu: { forward: { pathMtu: 1400, tcpPacket: 1400 }, reverse: { pathMtu: 1400 }, facts: [/vanish without a packet-too-big/] },
  },
  {
    name: 'jumbo frames on our side only: 9001 bytes here, 1500 on the path, silent above',
    network: { sites: { aws: { interfaceMtu: 9001 } } },
    status: 0,
    verdict: 'ok',
    causes: [],
    mtu: {
      localMtu: 9001,
      forward: { pathMtu: 1500, tcpPacket: 1500, blackHole: false, clamped: false },
      reverse: { pathMtu: 1500, blackHole: false, clamped: false },
      facts: [/echoes of 1501 bytes and more vanish without a packet-too-big, and TCP sends at most 1500/, /9001/],
    },
  },
  {
    name: 'a host behind a balancer that never answers ICMP',
    network: { forward: { dropIcmp: true }, reverse: { dropIcmp: true } },
    status: 0,
    verdict: 'degraded',
    causes: ['icmp_filtered'],
    mtu: { forward: { pathMtu: 1500 }, reverse: { pathMtu: 1500 } },
  },
  {
    name: 'a closed port',
    port: 9,
    status: 1,
    verdict: 'fail',
    causes: ['port_closed'],
    confidence: 'certain',
    evidence: /answered the SYN with RST/,
  },
  {
    name: 'a filtered port',
    network: { forward: { dropTcpPorts: [8443] } },
    status: 1,
    verdict: 'fail',
    causes: ['port_filtered'],
    confidence: 'likely',
    evidence: /5 of 5 echoes came back/,
  },
  {
    name: 'a host that is down',
    network: { forward: { down: true } },
    status: 1,
    verdict: 'fail',
    causes: ['host_down'],
    confidence: 'likely',
    evidence: /5 echoes sent, none came back/,
  },
]

for (const { name, network, port, status, verdict, causes, confidence, mtu, evidence } of stories) {
  t.test(name, { skip }, async t => {
    await using pair = await startCloudPair(network)
    const run = await probeFrom(pair, [port === undefined ? pair.target : `${pair.address}:${port}`])
    t.equal(run.status, status)
    t.equal(run.document.verdict, verdict)
    t.strictSame(run.causes, causes)
    if (mtu) t.match(run.result('mtu').measured, mtu)
    if (confidence) t.match(run.document.diagnosis, [{ confidence }])
    if (evidence)
      t.ok(
        run.document.diagnosis[0]?.evidence.some(fact => evidence.test(fact)),
        String(evidence),
      )
  })
}

t.test('3 % of all packets are lost at random, both ways', { skip }, async t => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    await using pair = await startCloudPair({ forward: { loss: 0.03 }, reverse: { loss: 0.03 }, seed })
    const run = await probeFrom(pair)
    t.strictSame(
      run.causes.filter(cause => holes.includes(cause)),
      [],
      `seed ${seed}`,
    )
    t.match(run.result('mtu').measured, { recommendedMss: null, forward: { blackHole: false }, reverse: { blackHole: false } })
    t.match(run.result('tls'), { outcome: { kind: 'ok' }, measured: { verified: true } })
  }
})
