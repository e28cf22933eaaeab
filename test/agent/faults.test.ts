import t from 'tap'
import { watchFaults } from '../../agent/faults.ts'
import type { Path } from '../../agent/path.ts'
import type { AnyResult, Outcome } from '../../wire/result.ts'
import { paths } from './some-paths.ts'

const refused: Outcome = { kind: 'fail', reason: 'tcp_refused', detail: 'refused' }
const result = ({ kind, host, port }: Path, outcome: Outcome): AnyResult =>
  ({
    kind,
    target: { host, port, address: host, family: 4 },
    startedAt: '2026-11-22T04:00:00.000Z',
    outcome,
    phasesMs: {},
    measured: {
      synRttMs: outcome.kind === 'ok' ? 1 : null,
      synRetransmits: 0,
      mssForward: 1460,
      mssReverse: 1460,
      retransmits: 0,
      segmentsOut: 2,
      retransmitRatio: 0,
    },
    warnings: [],
    violations: [],
  }) as AnyResult

t.test('a healthy path is no news, a failure is, once, with its cause, and so is its end', async t => {
  const faults = watchFaults()
  const [path] = paths(1)
  const take = (outcome: Outcome, nowMs: number) => faults.take({ path: path!, result: result(path!, outcome) }, nowMs)
  t.equal(take({ kind: 'ok' }, 1), undefined)
  t.equal(take({ kind: 'ok' }, 2), undefined)
  t.match(take(refused, 3), {
    from: { outcome: 'ok' },
    to: { outcome: 'fail', reason: 'tcp_refused', sinceMs: 3 },
    diagnosis: [{ cause: 'port_closed' }],
  })
  t.equal(take(refused, 4), undefined, 'the same again is no change')
  t.match(take({ kind: 'ok' }, 5), { from: { outcome: 'fail', sinceMs: 3 }, to: { outcome: 'ok', sinceMs: 5 }, diagnosis: [] })
  t.equal(take({ kind: 'ok' }, 6), undefined)
})

t.test('a path that cannot be measured neither fails nor recovers', async t => {
  const faults = watchFaults()
  const [path] = paths(1)
  const take = (outcome: Outcome, nowMs: number) => faults.take({ path: path!, result: result(path!, outcome) }, nowMs)
  take(refused, 1)
  const overload: Outcome = { kind: 'unmeasured', reason: 'local_overload', detail: 'stood still' }
  t.match(take(overload, 2), { to: { outcome: 'unmeasured', reason: 'local_overload' } })
  t.match(take(refused, 3), { to: { outcome: 'fail', sinceMs: 3 } })
})

t.test('what another kind saw of the same target joins the diagnosis', async t => {
  const faults = watchFaults()
  const [tcp] = paths(1, { kind: 'tcp', name: 't' })
  const [icmp] = paths(1, { kind: 'icmp', name: 'i' })
  const silent: Outcome = { kind: 'fail', reason: 'tcp_timeout', detail: 'no answer' }
  const first = faults.take({ path: tcp!, result: result(tcp!, silent) }, 1)
  t.equal(first?.diagnosis.length, 1)
  const answered = {
    ...result(icmp!, { kind: 'ok' }),
    measured: {
      sent: 5,
      received: 5,
      lossRatio: 0,
      rttMs: { min: 1, p50: 1, p95: 1, p99: 1, max: 1, stddev: 0 },
      jitterMs: 0,
      duplicates: 0,
      reordered: 0,
      ttl: 60,
      socket: 'datagram',
    },
  } as AnyResult
  faults.take({ path: icmp!, result: answered }, 2)
  const second = faults.take({ path: tcp!, result: result(tcp!, silent) }, 3)
  t.match(second?.diagnosis, [{ cause: 'port_filtered' }], 'the host answers, the port does not')
})

t.test('a name that is not found is diagnosed as what it is', async t => {
  const faults = watchFaults()
  const [path] = paths(1)
  const outcome: Outcome = { kind: 'fail', reason: 'dns_not_found', detail: 'no such name' }
  const dns = {
    ...result(path!, outcome),
    kind: 'dns' as const,
    measured: { name: 'x.test', recordType: 'A' as const, resolver: 'system', addresses: [], latencyMs: 1, answers: [] },
  }
  t.match(faults.take({ path: path!, result: { ...result(path!, outcome), measured: {} } as AnyResult, dns }, 1), {
    diagnosis: [{ cause: 'dns_broken' }],
  })
})

t.test('paths that are removed are forgotten', async t => {
  const faults = watchFaults()
  const some = paths(100)
  for (const path of some) faults.take({ path, result: result(path, refused) }, 1)
  faults.keep(some.slice(0, 10))
  const told = some.flatMap(path => faults.take({ path, result: result(path, refused) }, 2) ?? [])
  t.same(
    told.map(({ path, from }) => [path.key, from]),
    some.slice(10).map(({ key }) => [key, undefined]),
    'the others are as they were, these begin anew',
  )
})

const echoes = (path: Path, outcome: Outcome, received: number): AnyResult =>
  ({
    ...result(path, outcome),
    measured: {
      sent: 1,
      received,
      lossRatio: 1 - received,
      rttMs: null,
      jitterMs: null,
      duplicates: 0,
      reordered: 0,
      ttl: null,
      socket: 'datagram',
    },
  }) as AnyResult
const silence: Outcome = { kind: 'fail', reason: 'no_reply', detail: 'no reply to 1 echo' }

for (const kind of ['tcp', 'mtls', 'http'] as const) {
  t.test(`echoes that nobody answers where ${kind} works are filtered: a warning from the first word on`, async t => {
    const faults = watchFaults()
    const [icmp] = paths(1, { kind: 'icmp', name: 'i' })
    const [other] = paths(1, { kind, name: 't' })
    faults.keep([icmp!, other!])
    const silent = (nowMs: number) => faults.take({ path: icmp!, result: echoes(icmp!, silence, 0) }, nowMs)
    t.equal(silent(1), undefined, 'nothing is known of TCP yet')
    faults.take({ path: other!, result: result(other!, { kind: 'ok' }) }, 2)
    t.match(silent(3), { to: { outcome: 'fail', reason: 'no_reply' }, diagnosis: [{ cause: 'icmp_filtered' }] })
    t.ok(faults.isFiltered(icmp!))
    t.notOk(faults.isFiltered(other!))
    t.equal(silent(4), undefined)
  })
}

t.test('silence of everything is no filter', async t => {
  const faults = watchFaults()
  const [icmp] = paths(1, { kind: 'icmp', name: 'i' })
  const [tcp] = paths(1, { kind: 'tcp', name: 't' })
  faults.keep([icmp!, tcp!])
  const silent = (nowMs: number) => faults.take({ path: icmp!, result: echoes(icmp!, silence, 0) }, nowMs)
  t.equal(silent(1), undefined)
  t.match(silent(2), { diagnosis: [{ cause: 'host_down' }] }, 'it is waited once and no longer')
  t.notOk(faults.isFiltered(icmp!))
  const timeout: Outcome = { kind: 'fail', reason: 'tcp_timeout', detail: 'no answer' }
  t.match(faults.take({ path: tcp!, result: result(tcp!, timeout) }, 3), { diagnosis: [{ cause: 'host_down' }] })
  t.notOk(faults.isFiltered(icmp!))
  faults.take({ path: tcp!, result: result(tcp!, { kind: 'ok' }) }, 4)
  t.match(silent(5), { diagnosis: [{ cause: 'icmp_filtered' }] })
})
