import t from 'tap'
import { diagnose } from '../../../judge/diagnose/diagnose.ts'
import { exitCodeOf, isPlain, settle, verdictOf } from '../../../judge/diagnose/verdict.ts'
import type { AnyResult, Kind, Verdict } from '../../../wire/result.ts'
import * as seen from './seen.ts'

const { dns, fail, icmp, ladder, mtu, tcp, tls, unmeasured } = seen

const stories: { name: string; results: AnyResult[]; asked?: Kind[]; verdict: Verdict; exit: 0 | 1 | 3 }[] = [
  { name: 'a healthy run is ok', results: ladder(), verdict: 'ok', exit: 0 },
  { name: 'a warning makes it degraded', results: ladder(seen.lossy(0.03, { warns: [['packet_loss']] })), verdict: 'degraded', exit: 0 },
  {
    name: 'a fact about packets that TCP does not send leaves it ok',
    results: ladder(mtu({ warns: [['signal_lost']] })),
    verdict: 'ok',
    exit: 0,
  },
  { name: 'silent ICMP beside working TCP is degraded', results: ladder(seen.silent()), verdict: 'degraded', exit: 0 },
  { name: 'silent ICMP that was asked for by name fails', results: ladder(seen.silent()), asked: ['icmp'], verdict: 'fail', exit: 1 },
  { name: 'silent ICMP alone fails', results: [seen.silent()], verdict: 'fail', exit: 1 },
  {
    name: 'silent ICMP where TCP fails too fails',
    results: [seen.silent(), tcp({ outcome: fail('tcp_timeout') })],
    verdict: 'fail',
    exit: 1,
  },
  {
    name: 'partial loss fails beside working TCP too',
    results: ladder(seen.lossy(0.3, { outcome: fail('packet_loss') })),
    verdict: 'fail',
    exit: 1,
  },
  {
    name: 'a service that does not speak TLS fails the ladder',
    results: ladder(tls({ outcome: fail('not_tls') })),
    verdict: 'fail',
    exit: 1,
  },
  {
    name: 'ICMP without permission beside a working port is degraded',
    results: ladder(icmp({ outcome: unmeasured('local_permission') })),
    verdict: 'degraded',
    exit: 0,
  },
  {
    name: 'ICMP without permission that was asked for is unmeasured',
    results: [icmp({ outcome: unmeasured('local_permission') })],
    asked: ['icmp'],
    verdict: 'unmeasured',
    exit: 3,
  },
  {
    name: 'a host without a port, of which nothing could be measured, is unmeasured',
    results: [icmp({ outcome: unmeasured('local_permission') })],
    verdict: 'unmeasured',
    exit: 3,
  },
  {
    name: 'a host without a port whose echoes come back is ok without a sweep',
    results: [dns(), icmp(), mtu({ outcome: unmeasured('unsupported') })],
    verdict: 'ok',
    exit: 0,
  },
  {
    name: 'a name that resolves on a machine that may not send echoes is unmeasured',
    results: [dns(), icmp({ outcome: unmeasured('local_permission') })],
    verdict: 'unmeasured',
    exit: 3,
  },
  { name: 'an impossible sweep changes nothing', results: ladder(mtu({ outcome: unmeasured('unsupported') })), verdict: 'ok', exit: 0 },
  {
    name: 'an impossible sweep that was asked for is unmeasured',
    results: [mtu({ outcome: unmeasured('unsupported') })],
    asked: ['mtu'],
    verdict: 'unmeasured',
    exit: 3,
  },
  {
    name: 'the port itself unmeasured is unmeasured',
    results: ladder(tcp({ outcome: unmeasured('local_resource') })),
    verdict: 'unmeasured',
    exit: 3,
  },
  {
    name: 'a failure outweighs what was not measured',
    results: ladder(tcp({ outcome: unmeasured('aborted') }), dns({ outcome: fail('dns_mismatch') })),
    verdict: 'fail',
    exit: 1,
  },
  { name: 'a step that was asked for and never ran is unmeasured', results: [dns()], asked: ['tls'], verdict: 'unmeasured', exit: 3 },
  { name: 'no results are unmeasured', results: [], verdict: 'unmeasured', exit: 3 },
]

for (const { name, results, asked = [], verdict, exit } of stories) {
  t.test(name, async t => {
    t.equal(verdictOf(results, asked), verdict)
    t.equal(exitCodeOf(results, asked), exit)
    t.equal(verdictOf(settle(results, asked), asked), verdict, 'the same after settling')
  })
}

t.test('settling turns silent ICMP beside working TCP into a warning', async t => {
  const settled = settle(ladder(seen.silent()), [])
  t.match(
    settled.find(({ kind }) => kind === 'icmp'),
    { outcome: { kind: 'ok' }, warnings: [{ code: 'icmp_filtered', detail: 'saw no_reply' }] },
  )
  t.strictSame(settle(settled, []), settled, 'settling twice changes nothing')
})

t.test('settling leaves silent ICMP alone where a proxy accepts every port', async t => {
  const results = [seen.silent(), tcp({ measured: { control: [{ port: 9, accepted: true }] } }), tls({ outcome: fail('tls_reset') })]
  t.strictSame(settle(results, []), results)
})

t.test('settling writes to nothing it was given', async t => {
  const results = ladder(seen.silent())
  const before = structuredClone(results)
  settle(results, [])
  t.strictSame(results, before)
})

t.test('a plain run is one that no explainer says anything about', async t => {
  const slow = { rttMs: { min: 1, p50: 400, p95: 900, p99: 900, max: 900, stddev: 300 } }
  for (const results of [[], [icmp()], [dns(), icmp()], [icmp({ measured: slow })], ...stories.map(story => story.results)])
    if (isPlain(results)) t.same(diagnose(results, { startedAt: seen.startedAt }), [])
  t.ok(isPlain([dns(), icmp()]))
  for (const results of [ladder(), [icmp(), tcp()], [seen.silent()], [seen.lossy(0.03, { warns: [['packet_loss']] })], [tls()]])
    t.notOk(isPlain(results))
})
