import t from 'tap'
import { type FlowState, isDone, newFlowState, nextTtl, noteAsked, noteHeard } from '../../probes/trace-flow.ts'
import { judgeTrace, measureTrace } from '../../probes/trace-judge.ts'
import { withDefaults } from '../../wire/options.ts'
import { word } from './targets.ts'

const options = withDefaults('trace', {})
const target = { host: '10.9.9.9', address: '10.9.9.9', family: 4 as const }
const limits = { maxHops: 30, queries: 3 }
const heard = (from: string, more: object = {}) => ({
  from,
  what: 'expired' as const,
  rttMs: 10,
  ttlHere: 60,
  mpls: [],
  interfaces: [],
  ...more,
})

/** A flow whose hops answer so many of three queries each; the target is the last, when it is reached. */
const played = (hops: readonly (readonly [address: string | null, answers: number])[], isReached = true, id = 1): FlowState => {
  const flow = newFlowState(id)
  hops.forEach(([address, answers], at) => {
    for (let i = 0; i < 3; i++) {
      const index = noteAsked(flow, at + 1, 0, 0)
      const what = isReached && at === hops.length - 1 ? 'reached' : 'expired'
      if (address !== null && i < answers) noteHeard(flow, index, heard(address, { what, rttMs: 10 * (at + 1) + i }))
    }
  })
  return flow
}
const outcomeOf = (flows: FlowState[]) => judgeTrace(flows, measureTrace(flows, 'icmp', null), target, options)
const [a, b, c] = ['10.0.0.1', '10.0.1.1', '10.0.2.1'] as const
const end = target.address

t.test('a window of hops is asked at once, the nearest first, and grows with the answers', async t => {
  const flow = newFlowState(1)
  const sent: number[] = []
  for (let ttl = nextTtl(flow, limits); ttl !== undefined && sent.length < 100; ttl = nextTtl(flow, limits)) {
    sent.push(ttl)
    noteAsked(flow, ttl, 0, 0)
  }
  t.same(
    sent,
    Array.from({ length: 48 }, (_, i) => (i % 16) + 1),
    'sixteen hops that nobody answers, and no more',
  )
  noteHeard(flow, 4, heard(a))
  t.equal(nextTtl(flow, limits), 17, 'the fifth has answered')
})

t.test('nothing is sent beyond the target, and what was does not count', async t => {
  const flow = newFlowState(1)
  for (let ttl = 1; ttl <= 8; ttl++) noteAsked(flow, ttl, 0, 0)
  noteHeard(flow, 7, heard(end, { what: 'reached' }))
  t.equal(flow.endsAt, 8)
  noteHeard(flow, 4, heard(end, { what: 'reached' }))
  noteHeard(flow, 5, heard(end, { what: 'reached' }))
  t.equal(flow.endsAt, 5, 'answers overtake one another')
  for (const [index, from] of [a, b, c, '10.0.3.1'].entries()) noteHeard(flow, index, heard(from))
  t.ok(isDone(flow, { maxHops: 30, replyTimeoutMs: 1000 }, 1), 'what went further needs no answer')
  t.equal(noteHeard(flow, 0, heard(b)), false, 'an answer that comes twice')
  t.equal(noteHeard(flow, 99, heard(b)), false, 'an answer to nothing')
  const { hops, forwardHops } = measureTrace([flow], 'icmp', null)
  t.same([hops.length, forwardHops], [5, 5])
  t.same(flow.route, [a, b, c, '10.0.3.1', end])
})

t.test("a router's own limit is not loss, and loss that goes on is", async t => {
  const limited = measureTrace(
    [
      played([
        [a, 3],
        [b, 1],
        [c, 3],
        [end, 3],
      ]),
    ],
    'icmp',
    null,
  ).hops
  t.match(limited[1], { loss: 0, rateLimited: true, received: 1, sent: 3 })
  t.ok(limited.every(({ loss }) => loss === 0))
  const lossy = measureTrace(
    [
      played([
        [a, 3],
        [b, 2],
        [c, 2],
        [end, 2],
      ]),
    ],
    'icmp',
    null,
  ).hops
  t.same(
    lossy.map(({ loss }) => Math.round(loss * 3)),
    [0, 1, 1, 1],
  )
  t.notOk(lossy.some(({ rateLimited }) => rateLimited))
  const silent = measureTrace(
    [
      played([
        [a, 3],
        [null, 0],
        [end, 3],
      ]),
    ],
    'icmp',
    null,
  ).hops
  t.match(silent[1], { address: null, rttMs: null, loss: 0, received: 0 }, 'silent, and it forwards')
})

t.test('what a trace measures', async t => {
  const measured = measureTrace(
    [
      played([
        [a, 3],
        [b, 3],
        [end, 3],
      ]),
    ],
    'icmp',
    null,
  )
  t.match(measured, { reached: true, forwardHops: 3, returnHops: 5, ttl: 60, loop: null, sent: 9, received: 9 })
  t.match(measured.hops[1], { ttl: 2, address: b, rttMs: 21, rttMinMs: 20, rttMaxMs: 22, ttlHere: 60, returnHops: 5 })
  t.match(measured.flows, [{ id: 1, route: [a, b, end], reached: true, hops: 3 }])
})

t.test('parallel ways show as several addresses', async t => {
  const flows = [
    played([
      [a, 3],
      [b, 3],
      [end, 3],
    ]),
    played(
      [
        [a, 3],
        [c, 3],
        [end, 3],
      ],
      true,
      2,
    ),
  ]
  const { hops } = measureTrace(flows, 'udp', 33_434)
  t.same(hops[1]!.addresses, [b, c])
  t.equal(hops[0]!.addresses, undefined)
})

const outcomes: [name: string, flows: FlowState[], word: string, detail?: RegExp][] = [
  [
    'the target answers',
    [
      played([
        [a, 3],
        [end, 1],
      ]),
    ],
    'ok',
  ],
  [
    'silence after a hop',
    [
      played(
        [
          [a, 3],
          [b, 3],
          [null, 0],
          [null, 0],
        ],
        false,
      ),
    ],
    'no_reply',
    /number 2, 10\.0\.1\.1/,
  ],
  [
    'nobody at all',
    [
      played(
        [
          [null, 0],
          [null, 0],
        ],
        false,
      ),
    ],
    'no_reply',
    /no hop/,
  ],
  [
    'a circle',
    [
      played(
        [
          [a, 3],
          [b, 3],
          [c, 3],
          [b, 3],
          [c, 3],
        ],
        false,
      ),
    ],
    'ttl_exceeded',
    /10\.0\.1\.1 → 10\.0\.2\.1 → 10\.0\.1\.1/,
  ],
  [
    'a path longer than was asked',
    [
      played(
        Array.from({ length: 30 }, (_, i) => [`10.0.${i}.1`, 3]),
        false,
      ),
    ],
    'ttl_exceeded',
    /beyond/,
  ],
  [
    'one of two ways is broken',
    [
      played([
        [a, 3],
        [end, 3],
      ]),
      played(
        [
          [a, 3],
          [b, 3],
          [null, 0],
        ],
        false,
        7,
      ),
    ],
    'packet_loss',
    /1 of 2.*flow 7.*hop 2/,
  ],
]
for (const [name, flows, reason, detail] of outcomes)
  t.test(`outcome: ${name}`, async t => {
    const { outcome } = outcomeOf(flows)
    t.equal(word(outcome), reason)
    if (detail) t.match(outcome, { detail })
  })

t.test('a router that refuses ends the flow, and says why', async t => {
  const flow = newFlowState(1)
  for (let ttl = 1; ttl <= 4; ttl++) noteAsked(flow, ttl, 0, 0)
  noteHeard(flow, 0, heard(a))
  noteHeard(flow, 1, heard(b, { what: 'admin_prohibited' }))
  t.equal(nextTtl(flow, { ...limits, queries: 1 }), undefined)
  const measured = measureTrace([flow], 'icmp', null)
  t.match(measured.hops, [{ address: a }, { address: b, unreachable: 'admin_prohibited' }])
  t.match(outcomeOf([flow]).outcome, { reason: 'admin_prohibited', detail: /hop 2, 10\.0\.1\.1/ })
})

t.test('what this machine refuses to send says nothing of the path', async t => {
  const flow = newFlowState(1)
  flow.sendErrno = 1
  t.equal(word(outcomeOf([flow]).outcome), 'local_permission')
  flow.sendErrno = 101
  t.equal(word(outcomeOf([flow]).outcome), 'network_unreachable')
})

t.test('a loop is not followed to the end', async t => {
  const flow = newFlowState(1)
  for (let ttl = 1; ttl <= 16; ttl++) noteAsked(flow, ttl, 0, 0)
  for (let ttl = 1; ttl <= 16; ttl++) noteHeard(flow, ttl - 1, heard(ttl % 2 ? a : b))
  t.equal(nextTtl(flow, { maxHops: 255, queries: 1 }), undefined)
})
