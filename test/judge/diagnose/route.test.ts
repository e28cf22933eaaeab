import t from 'tap'
import { diagnose } from '../../../judge/diagnose/diagnose.ts'
import { explainRouteChange } from '../../../judge/diagnose/explain-route.ts'
import type { UdpMeasured } from '../../../wire/measured.ts'
import type { TcpFlow } from '../../../wire/measured-tcp.ts'
import type { TraceFlow, TraceMeasured } from '../../../wire/measured-trace.ts'
import type { Result } from '../../../wire/result.ts'
import { fail, startedAt, tcp, trace, udp } from './seen.ts'
import { tell } from './story.ts'

const [a, b, c, d, end] = ['192.0.2.1', '192.0.2.33', '192.0.2.65', '192.0.2.97', '10.20.0.5'] as const
const flow = (route: (string | null)[], reached = true, id = 61_234): TraceFlow => ({
  id,
  route,
  reached,
  hops: reached ? route.length : null,
})
/** A trace by one flow, the round trip growing by 10 ms with each hop. */
const traced = (route: (string | null)[], but: Partial<TraceMeasured> = {}, reached = true): Result<'trace'> =>
  trace({
    ...(!reached && { outcome: fail('no_reply') }),
    measured: {
      hops: route.map((address, at) => ({
        ...{ ttl: at + 1, address, rttMs: 10 * (at + 1), rttMinMs: null, rttMaxMs: null, loss: 0, sent: 3, received: 3 },
        ...{ ttlHere: null, returnHops: null },
      })),
      reached,
      forwardHops: reached ? route.length : null,
      returnHops: route.length,
      flows: [flow(route, reached)],
      ...but,
    },
  })

const connected = (sourcePort: number, synRetransmits = 0): TcpFlow => ({ sourcePort, outcome: 'ok', synRttMs: 30, synRetransmits })
const unanswered = (sourcePort: number): TcpFlow => ({ sourcePort, outcome: 'tcp_timeout', synRttMs: null, synRetransmits: null })
const datagrams = (sourcePort: number, sent: number, received: number): UdpMeasured['flows'][number] => ({
  sourcePort,
  sent,
  received,
  forwardLost: null,
  reverseLost: null,
})

tell([
  { name: 'a route that is as long both ways has no diagnosis', results: [traced([a, b, end])], says: [] },
  { name: 'one hop more or less is nothing', results: [traced([a, b, end], { returnHops: 4 })], says: [] },
  {
    name: 'a much longer way back is perhaps another one',
    results: [traced([a, b, end], { returnHops: 9, ttl: 56 })],
    says: [['asymmetric_route', 'possible', 'reverse']],
    summary: /way back/,
  },
  {
    name: 'routers in a circle',
    results: [
      trace({
        outcome: fail('ttl_exceeded'),
        measured: { reached: false, forwardHops: null, loop: [a, b], flows: [flow([a, b, a, b], false)] },
      }),
    ],
    says: [['routing_loop', 'certain', 'forward']],
    summary: /192\.0\.2\.1 and 192\.0\.2\.33/,
  },
  {
    name: 'one of the parallel ways is broken',
    results: [
      trace({
        outcome: fail('packet_loss'),
        measured: { flows: [flow([a, b, end]), flow([a, c, null, null], false, 7), flow([a, b, end], true, 8)] },
      }),
    ],
    says: [['packet_loss', 'certain']],
    summary: /1 of 3 flows.*over 192\.0\.2\.65/,
  },
  {
    name: 'connections of which some are never answered',
    results: [
      tcp({
        outcome: fail('packet_loss'),
        measured: { flows: [connected(62_000), connected(62_001), unanswered(62_002), connected(62_003)] },
      }),
    ],
    says: [['packet_loss', 'certain']],
    summary: /1 of 4 flows .* one member of an ECMP group/,
  },
  {
    name: 'connections of which some are never answered, and others only at the second try',
    results: [tcp({ outcome: fail('packet_loss'), measured: { flows: [connected(62_000, 1), connected(62_001), unanswered(62_002)] } })],
    says: [['packet_loss', 'likely']],
  },
  {
    name: 'datagrams of one port that are never answered',
    results: [udp({ outcome: fail('packet_loss'), measured: { flows: [datagrams(1, 25, 25), datagrams(2, 25, 24), datagrams(3, 5, 0)] } })],
    says: [['packet_loss', 'certain']],
    summary: /1 of 3 flows .* one member of an ECMP group/,
  },
  {
    name: 'a pinned flow that fails, traced beside others that arrive',
    results: [
      tcp({ outcome: fail('tcp_timeout'), measured: { flows: [unanswered(7)] } }),
      trace({ outcome: fail('packet_loss'), measured: { flows: [flow([a, c, null, null], false, 7), flow([a, b, end], true, 8)] } }),
    ],
    says: [['packet_loss', 'certain']],
    summary: /1 of 2 flows.*one member of an ECMP group/,
  },
  {
    name: 'silence behind a hop',
    results: [traced([a, b, null, null], {}, false)],
    says: [['host_down', 'possible']],
    summary: /as far as hop 2, 192\.0\.2\.33/,
  },
  {
    name: 'a hop refuses',
    results: [{ ...traced([a, b], {}, false), outcome: fail('admin_prohibited') }],
    says: [['port_filtered', 'certain']],
    summary: /refused/,
  },
])

const pairs: [name: string, there: Result<'trace'>, back: Result<'trace'>, confidence: string | undefined][] = [
  ['as long, each from its own side', traced([a, b, c, end]), traced(['192.0.2.66', '192.0.2.34', '192.0.2.2', '10.1.0.2']), undefined],
  [
    'as long, and nothing is recognised',
    traced([a, b, c, end]),
    traced(['198.51.100.1', '198.51.100.33', '198.51.100.65', '10.1.0.2']),
    undefined,
  ],
  ['another length', traced([a, b, end]), traced([c, d, '198.51.100.1', '10.1.0.2']), 'likely'],
  [
    'another length, and the TTL says so too',
    traced([a, b, end], { returnHops: 4 }),
    traced([c, d, '198.51.100.1', '10.1.0.2'], { returnHops: 3 }),
    'certain',
  ],
  [
    'as long, most of it elsewhere',
    traced([a, b, c, d, end]),
    traced(['198.51.100.1', '198.51.100.33', '198.51.100.65', '192.0.2.2', '10.1.0.2']),
    'likely',
  ],
  ['the way back is not known to its end', traced([a, b, end]), traced([c, d], {}, false), undefined],
]
for (const [name, there, back, confidence] of pairs)
  t.test(`both ways: ${name}`, async t => {
    const found = diagnose([there], { startedAt, returnTrace: back })
    t.same(
      found.map(one => [one.cause, one.confidence]),
      confidence === undefined ? [] : [['asymmetric_route', confidence]],
    )
    if (found[0]) t.match(found[0].evidence, [/^there, .*192\.0\.2\.1 → /, /^back, /], 'both lists')
  })

const changes: [name: string, before: Result<'trace'>, after: Result<'trace'>, summary: RegExp | undefined][] = [
  ['nothing', traced([a, b, end]), traced([a, b, end]), undefined],
  ['a hop that is silent now', traced([a, b, c, end]), traced([a, null, c, end]), undefined],
  ['another router', traced([a, b, end]), traced([a, c, end]), /from hop 2 on, and the round trip is 0 ms longer/],
  ['a longer way', traced([a, b, end]), traced([a, c, d, end]), /from hop 2 on, and the round trip is 10 ms longer/],
  ['it broke, and what is seen is the same', traced([a, b, end]), traced([a, b, null], {}, false), undefined],
  ['it broke on another way', traced([a, b, end]), traced([a, d, null], {}, false), /from hop 2 on\./],
  ['another flow may go another way', traced([a, b, end]), traced([a, c, end], { flows: [flow([a, c, end], true, 5)] }), undefined],
  ['nobody was seen before', traced([null, null], {}, false), traced([a, b, end]), undefined],
]
for (const [name, before, after, summary] of changes)
  t.test(`between two traces: ${name}`, async t => {
    const found = explainRouteChange(before, after)
    if (!summary) t.equal(found, undefined)
    else t.match(found, { cause: 'route_changed', summary, evidence: [/^before, /, /^after, /] })
  })

t.test('flows that are never answered are named by their ports, and the next command tries one of them', async t => {
  const flows = [connected(62_000), unanswered(62_001), connected(62_002)]
  const [found] = diagnose([tcp({ outcome: fail('packet_loss'), measured: { flows } })], { startedAt })
  t.match(found!.evidence, ['never answered, source port 62001', 'answered, source ports 62000 and 62002', /30/])
  t.match(found!.next, /--flows 1 --source-port 62001$/)
})
