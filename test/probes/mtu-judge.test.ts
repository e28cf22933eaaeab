import t from 'tap'
import type { EchoSearch } from '../../probes/mtu-echo.ts'
import { judgeMtu, type MtuSeen, measureMtu } from '../../probes/mtu-judge.ts'
import type { DirectionSeen, TcpSearch } from '../../probes/mtu-tcp.ts'
import type { StepSeen } from '../../probes/sweep-step.ts'
import type { PathMtu } from '../../wire/measured.ts'
import { withDefaults } from '../../wire/options.ts'
import type { Family } from '../../wire/result.ts'
import { word } from './targets.ts'

/** Echoes up to the interface's 1500 bytes came back. */
const echo = (but: Partial<EchoSearch> = {}): EchoSearch => ({
  echoMtu: 1500,
  silentAt: null,
  localMtu: 1500,
  tooBig: null,
  sent: 40,
  ...but,
})
const silent: Partial<EchoSearch> = { echoMtu: null, silentAt: null }

/** A connection on which full packets of 1500 bytes passed. */
const full = (but: Partial<StepSeen> = {}): StepSeen => ({
  passed: true,
  detail: '',
  tcpPacket: 1500,
  largestSeen: null,
  cut: false,
  gap: false,
  limitedByPeer: false,
  pathMtu: null,
  handshake: true,
  answer: null,
  ...but,
})
const passes: DirectionSeen = { full: full(), passed: null, lost: null }
const hole = (passed: number | null, lost: number, tcpPacket = 1500): DirectionSeen => ({
  full: full({ passed: false, handshake: false, tcpPacket }),
  passed,
  lost,
})
const direction = (but: Partial<StepSeen>): DirectionSeen => ({ full: full(but), passed: null, lost: null })
const untold = direction({ passed: null, handshake: false })
const both = (forward: DirectionSeen, reverse: DirectionSeen, problem?: string): TcpSearch => ({
  forward,
  reverse,
  steps: [],
  ...(problem ? { problem } : {}),
})
const tooBig = (mtu: number): Partial<EchoSearch> => ({ echoMtu: mtu, tooBig: { from: '10.0.0.1', mtu } })

type Story = {
  name: string
  echo: EchoSearch
  tcp?: TcpSearch
  family?: Family
  required?: number
  forward: Partial<PathMtu>
  reverse: Partial<PathMtu>
  mss?: number | null
  word: string
  says?: RegExp
  warns?: string[]
  facts?: RegExp
}

const stories: Story[] = [
  {
    name: 'a clean path, without a port',
    echo: echo(),
    forward: { pathMtu: 1500, method: 'icmp', atLeast: false, tcpPacket: null },
    reverse: { pathMtu: 1500, method: 'icmp', atLeast: true },
    word: 'ok',
  },
  {
    name: 'a clean path, with TLS',
    echo: echo(),
    tcp: both(passes, passes),
    forward: { pathMtu: 1500, method: 'icmp', atLeast: false, tcpPacket: 1500, blackHole: false, clamped: false },
    reverse: { pathMtu: 1500, method: 'mss_sweep', atLeast: false, blackHole: false },
    word: 'ok',
  },
  {
    name: 'ICMP is filtered, TCP passes',
    echo: echo(silent),
    tcp: both(passes, passes),
    forward: { pathMtu: 1500, method: 'mss_sweep', atLeast: false },
    reverse: { pathMtu: 1500, method: 'mss_sweep', atLeast: false },
    word: 'ok',
  },
  {
    name: 'no ICMP for us, TCP passes',
    echo: echo({ ...silent, localMtu: null, sent: 0, problem: { kind: 'unmeasured', reason: 'local_permission', detail: 'closed' } }),
    tcp: both(passes, passes),
    forward: { pathMtu: 1500, method: 'mss_sweep', atLeast: true },
    reverse: { pathMtu: 1500, method: 'mss_sweep', atLeast: true },
    word: 'ok',
  },
  {
    name: 'a hole in the forward direction, to the byte',
    echo: echo({ echoMtu: 1420, silentAt: 1421 }),
    tcp: both(hole(1420, 1421), passes),
    forward: { pathMtu: 1420, method: 'mss_sweep', atLeast: false, blackHole: true, signal: 'none' },
    reverse: { pathMtu: 1500, blackHole: false },
    mss: 1380,
    word: 'mtu_black_hole',
    says: /^forward: packets above 1420 bytes vanish without a packet-too-big, TCP sends up to 1500$/,
  },
  {
    name: 'a hole one byte wide',
    echo: echo(silent),
    tcp: both(hole(1499, 1500), passes),
    forward: { pathMtu: 1499, atLeast: false, blackHole: true },
    reverse: { pathMtu: 1500 },
    mss: 1459,
    word: 'mtu_black_hole',
  },
  {
    name: 'a hole in the reverse direction',
    echo: echo({ echoMtu: 1380, silentAt: 1381 }),
    tcp: both(passes, hole(1380, 1381)),
    forward: { pathMtu: 1500, blackHole: false },
    reverse: { pathMtu: 1380, method: 'mss_sweep', blackHole: true },
    mss: 1340,
    word: 'mtu_black_hole',
    says: /^reverse: packets above 1380 bytes vanish/,
  },
  {
    name: 'a hole in each direction: the smaller one is what to clamp to',
    echo: echo({ echoMtu: 1380, silentAt: 1381 }),
    tcp: both(hole(1420, 1421), hole(1380, 1381)),
    forward: { pathMtu: 1420, blackHole: true },
    reverse: { pathMtu: 1380, blackHole: true },
    mss: 1340,
    word: 'mtu_black_hole',
    says: /^forward: .*1420.*; reverse: .*1380/,
  },
  {
    name: 'a hole over IPv6: the header is larger',
    family: 6,
    echo: echo({ echoMtu: 1400, silentAt: 1401 }),
    tcp: both(hole(1400, 1401), passes),
    forward: { pathMtu: 1400, blackHole: true },
    reverse: { pathMtu: 1500 },
    mss: 1340,
    word: 'mtu_black_hole',
  },
  {
    name: 'the search for a hole ended before the byte',
    echo: echo(silent),
    tcp: both(hole(1300, 1380), passes),
    forward: { pathMtu: 1300, atLeast: true, blackHole: true },
    reverse: { pathMtu: 1500 },
    mss: 1260,
    word: 'mtu_black_hole',
  },
  {
    name: 'a hole of which no size passed',
    echo: echo(silent),
    tcp: both(hole(null, 1500), passes),
    forward: { pathMtu: null, method: 'none', blackHole: true },
    reverse: { pathMtu: 1500 },
    mss: null,
    word: 'mtu_black_hole',
    says: /TCP's packets vanish/,
  },
  {
    name: 'a packet-too-big that TCP heard is no hole',
    echo: echo(tooBig(1400)),
    tcp: both(direction({ pathMtu: 1400 }), passes),
    forward: { pathMtu: 1400, method: 'tcp_info', signal: 'packet_too_big', signalFrom: '10.0.0.1', atLeast: false, blackHole: false },
    reverse: { pathMtu: 1500 },
    word: 'ok',
    facts: /10\.0\.0\.1 answers packets that are too big and announces 1400 bytes/,
  },
  {
    name: 'a packet-too-big by ICMP alone',
    echo: echo(tooBig(1400)),
    forward: { pathMtu: 1400, method: 'icmp', signal: 'packet_too_big', signalMtu: 1400, atLeast: false },
    reverse: { pathMtu: 1400 },
    word: 'ok',
  },
  {
    name: 'a router that announces 1400 where TCP passes 1500',
    echo: echo({ ...tooBig(1400), echoMtu: 1500 }),
    tcp: both(passes, passes),
    forward: { pathMtu: 1500, method: 'icmp' },
    reverse: { pathMtu: 1500 },
    word: 'ok',
  },
  {
    name: 'a clamp keeps TCP below the hole: a fact, no fault',
    echo: echo({ echoMtu: 1420, silentAt: 1421 }),
    tcp: both(direction({ tcpPacket: 1400, limitedByPeer: true }), direction({ tcpPacket: 1400 })),
    forward: { pathMtu: 1420, clamped: true, blackHole: false, tcpPacket: 1400 },
    reverse: { pathMtu: 1400, blackHole: false },
    word: 'ok',
    facts: /echoes of 1421 bytes and more vanish without a packet-too-big, and TCP sends at most 1400 here/,
  },
  {
    name: "a 9001-byte interface towards a 1500-byte path: the peer's MSS keeps TCP small",
    echo: echo({ echoMtu: 1500, silentAt: 1501, localMtu: 9001 }),
    tcp: both(
      direction({ tcpPacket: 1500, limitedByPeer: true }),
      direction({ tcpPacket: 9001, passed: null, largestSeen: 1500, cut: true }),
    ),
    forward: { pathMtu: 1500, method: 'icmp', atLeast: false, blackHole: false },
    reverse: { pathMtu: 1500, method: 'tcp_info', atLeast: true, clamped: false, blackHole: false },
    word: 'ok',
    facts: /interface's MTU is 9001, the peer's MSS keeps TCP at 1500/,
  },
  {
    name: 'the peer heard a packet-too-big and cuts smaller: it was sent again behind a gap',
    echo: echo(silent),
    tcp: both(passes, direction({ passed: null, largestSeen: 1400, cut: true, gap: true })),
    forward: { pathMtu: 1500 },
    reverse: { pathMtu: 1400, tcpPacket: 1400, signal: 'packet_too_big', clamped: false, atLeast: false },
    word: 'ok',
  },
  {
    name: 'the peer was told a smaller MSS than we sent: a clamp',
    echo: echo(silent),
    tcp: both(passes, direction({ passed: null, largestSeen: 1400, cut: true })),
    forward: { pathMtu: 1500 },
    reverse: { pathMtu: 1400, signal: 'none', clamped: true },
    word: 'ok',
  },
  {
    name: 'the requests pass as TCP segments and their echoes do not come back: the replies are lost',
    echo: echo({ echoMtu: 1380, silentAt: 1381 }),
    tcp: both(passes, untold),
    forward: { pathMtu: 1500, blackHole: false },
    reverse: { pathMtu: 1380, blackHole: true },
    mss: 1340,
    word: 'mtu_black_hole',
  },
  {
    name: 'large echoes vanish, and the handshake was too small to tell: no hole is claimed',
    echo: echo({ echoMtu: 1380, silentAt: 1381 }),
    tcp: both(passes, direction({ passed: null, handshake: true })),
    forward: { pathMtu: 1500 },
    reverse: { pathMtu: 1380, blackHole: false, atLeast: true },
    word: 'ok',
  },
  {
    name: 'large echoes vanish, and no port was named: a warning',
    echo: echo({ echoMtu: 1380, silentAt: 1381 }),
    forward: { pathMtu: 1380, method: 'icmp', atLeast: false, blackHole: false },
    reverse: { pathMtu: 1380, blackHole: false },
    word: 'ok',
    warns: ['signal_lost'],
  },
  {
    name: 'a plaintext server tells nothing, ICMP does',
    echo: echo(),
    tcp: both(direction({ passed: null, handshake: false }), untold),
    forward: { pathMtu: 1500, method: 'icmp' },
    reverse: { pathMtu: 1500, method: 'icmp', blackHole: false },
    word: 'ok',
  },
  {
    name: 'a server that says nothing even to small packets, behind filtered ICMP: nothing is known',
    echo: echo(silent),
    tcp: both(untold, untold, 'the server does not answer even small packets'),
    forward: { pathMtu: null, blackHole: false },
    reverse: { pathMtu: null, blackHole: false },
    word: 'unsupported',
    says: /no echo came back from 10\.2\.0\.2:443, and TCP showed nothing: the server does not answer even small packets/,
  },
  {
    name: 'nothing answers, and no port was named',
    echo: echo(silent),
    forward: { pathMtu: null, method: 'none' },
    reverse: { pathMtu: null, method: 'none' },
    word: 'unsupported',
    says: /no TCP port was named/,
  },
  {
    name: 'there was no time for a single echo',
    echo: echo({ ...silent, sent: 0 }),
    tcp: both(untold, untold, 'the server does not answer even small packets'),
    forward: { pathMtu: null },
    reverse: { pathMtu: null },
    word: 'unsupported',
    says: /^there was no time left to send echoes to/,
  },
  {
    name: 'we may not send echoes, and TCP showed nothing',
    echo: echo({ ...silent, sent: 0, problem: { kind: 'unmeasured', reason: 'local_permission', detail: 'sysctl -w' } }),
    forward: { pathMtu: null },
    reverse: { pathMtu: null },
    word: 'local_permission',
  },
  {
    name: 'the path carries what is required',
    echo: echo(),
    tcp: both(passes, passes),
    required: 1500,
    forward: { pathMtu: 1500 },
    reverse: { pathMtu: 1500 },
    word: 'ok',
  },
  {
    name: 'the path carries less than is required',
    echo: echo(tooBig(1400)),
    tcp: both(direction({ pathMtu: 1400 }), passes),
    required: 1450,
    forward: { pathMtu: 1400 },
    reverse: { pathMtu: 1500 },
    word: 'mtu_below_required',
    says: /forward 1400, reverse 1500 bytes, want 1450/,
  },
  {
    name: 'a hole is told before what is required',
    echo: echo(silent),
    tcp: both(hole(1400, 1401), passes),
    required: 1450,
    forward: { pathMtu: 1400 },
    reverse: { pathMtu: 1500 },
    mss: 1360,
    word: 'mtu_black_hole',
  },
]

for (const { name, echo, tcp, family = 4, required, forward, reverse, mss = null, word: want, says, warns = [], facts } of stories)
  t.test(`${name}: ${want}`, async t => {
    const seen: MtuSeen = { endpoint: '10.2.0.2:443', family, echo, ...(tcp ? { tcp } : {}) }
    const measured = measureMtu(seen)
    t.match(measured.forward, forward, 'forward')
    t.match(measured.reverse, reverse, 'reverse')
    t.equal(measured.recommendedMss, mss)
    if (facts) t.match(measured.facts.join('\n'), facts)
    const { outcome, warnings } = judgeMtu(measured, seen, withDefaults('mtu', required === undefined ? {} : { requiredMtu: required }))
    t.equal(word(outcome), want)
    if (says) t.match(outcome, { detail: says })
    t.same(
      warnings.map(({ code }) => code),
      warns,
    )
  })
