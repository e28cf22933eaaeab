import t from 'tap'
import type { Path } from '../../agent/path.ts'
import { buildTracedEvent } from '../../agent/route-events.ts'
import { traceFailures } from '../../agent/trace-failures.ts'
import type { FailReason } from '../../wire/reasons.ts'
import type { AnyResult, Result } from '../../wire/result.ts'
import { healthy } from '../wire/healthy.ts'
import { paths } from './some-paths.ts'

const failed = ({ kind, host, port }: Path, address: string, reason: FailReason = 'tcp_timeout'): AnyResult =>
  ({
    ...{ kind, target: { host, port, address, family: 4 }, startedAt: '2026-11-22T04:00:00.000Z' },
    ...{ outcome: { kind: 'fail', reason, detail: 'no answer' }, phasesMs: {}, measured: healthy[kind], warnings: [], violations: [] },
  }) as AnyResult
const trace = (path: Path): AnyResult => ({
  ...{ kind: 'trace', target: { host: path.host, address: path.host, family: 4 }, startedAt: '2026-11-22T04:00:01.000Z', phasesMs: {} },
  ...{ outcome: { kind: 'fail', reason: 'no_reply', detail: 'the last hop that answers is number 2' }, warnings: [], violations: [] },
  measured: { ...healthy.trace, reached: false, forwardHops: null },
})

/** Runs are noted, and end when they are told to. */
const start = (answer: (path: Path) => AnyResult = trace) => {
  const asked: Path[] = []
  const seen: string[] = []
  const traces = traceFailures({
    run: async path => {
      asked.push(path)
      return answer(path)
    },
    onTraced: path => seen.push(path.key),
  })
  return { traces, asked, seen }
}
const all = paths(40, { kind: 'tcp', name: 'p' })

t.test('a failing path is traced at once, to the address that failed, by what it uses', async t => {
  const { traces, asked, seen } = start()
  traces.take(all[0]!, failed(all[0]!, '10.1.1.1'), 0)
  await traces.stop()
  t.match(asked, [{ kind: 'trace', host: '10.1.1.1', port: all[0]!.port, options: { protocol: 'tcp', queries: 2 } }])
  t.same(seen, [], 'nothing is told after the end')
  const [icmp] = paths(1, { kind: 'icmp', name: 'i' })
  const other = start()
  other.traces.take(icmp!, failed(icmp!, '10.1.1.2', 'no_reply'), 0)
  await new Promise(setImmediate)
  t.match(other.asked, [{ options: { protocol: 'icmp' } }])
  t.same(other.seen, [icmp!.key])
})

t.test('not again for five minutes, and not twice to one address', async t => {
  const { traces, asked } = start()
  const take = async (path: Path, address: string, nowMs: number) => {
    traces.take(path, failed(path, address), nowMs)
    await new Promise(setImmediate)
    return asked.length
  }
  t.equal(await take(all[0]!, '10.1.1.1', 0), 1)
  t.equal(await take(all[0]!, '10.1.1.1', 299_000), 1)
  t.equal(await take(all[0]!, '10.1.1.1', 301_000), 2)
  t.equal(await take(all[1]!, '10.1.1.1', 330_000), 2, 'another path to the same address')
  t.equal(await take(all[1]!, '10.1.1.1', 390_000), 3)
})

t.test('when everything fails it is few traces, not many', async t => {
  const { traces, asked } = start()
  for (let nowMs = 0; nowMs < 60_000; nowMs += 100) {
    for (const [at, path] of all.entries()) traces.take(path, failed(path, `10.1.2.${at}`), nowMs)
    await new Promise(setImmediate)
  }
  t.ok(asked.length >= 10 && asked.length <= 13, `${asked.length} in a minute`)
})

t.test('what the target itself has said, or this agent, is not traced', async t => {
  const { traces, asked } = start()
  for (const reason of ['tcp_refused', 'certificate_expired', 'dns_not_found', 'http_status', 'svid_expired'] as const)
    traces.take(all[0]!, failed(all[0]!, '10.1.1.1', reason), 0)
  const [own] = paths(1, { kind: 'trace', name: 't' })
  traces.take(own!, failed(own!, '10.1.1.1', 'no_reply'), 0)
  traces.take(all[0]!, { ...failed(all[0]!, '10.1.1.1'), outcome: { kind: 'unmeasured', reason: 'local_overload', detail: 'late' } }, 0)
  t.equal(asked.length, 0)
})

t.test('a trace that the policy or the budget refuses is not told', async t => {
  const denied = (path: Path) => ({ ...trace(path), outcome: { kind: 'unmeasured', reason: 'target_denied', detail: 'no' } }) as AnyResult
  const { traces, asked, seen } = start(denied)
  traces.take(all[0]!, failed(all[0]!, '10.1.1.1'), 0)
  await new Promise(setImmediate)
  t.same([asked.length, seen.length], [1, 0])
})

t.test('the event has the evidence of the failure and of the trace', async t => {
  const event = buildTracedEvent(all[0]!, failed(all[0]!, '10.1.1.1'), trace(all[0]!) as Result<'trace'>, 5)
  t.match(event, {
    ...{ name: 'causeway.path.traced', body: /tcp_timeout: no answer; traced by icmp: the last hop/, labels: { kind: 'tcp' } },
    attributes: {
      'error.type': 'tcp_timeout',
      'causeway.trace.outcome': 'no_reply',
      'causeway.trace.hops': ['1 10.0.0.1 1 ms', /^2 /, /^3 /],
    },
  })
})
