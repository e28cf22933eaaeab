import t from 'tap'
import type { Labels } from '../../agent/metrics.ts'
import { watchOutages } from '../../agent/path-outages.ts'
import type { AgentEvent, WindowRecord } from '../../agent/record.ts'
import { watchRttSteps } from '../../agent/rtt-steps.ts'
import { timesOf } from '../../agent/samples.ts'
import { seededRandom } from '../../deploy/sim/wan.ts'
import { histogramOf } from '../../wire/histogram.ts'
import type { FailReason } from '../../wire/reasons.ts'
import type { Outcome } from '../../wire/result.ts'
import { jitteryWindows } from '../judge/jittery.ts'

const ok: Outcome = { kind: 'ok' }
const away = (reason: FailReason): Outcome => ({ kind: 'fail', reason, detail: '' })
const unmeasured: Outcome = { kind: 'unmeasured', reason: 'local_overload', detail: '' }

for (const { name, runs, wanted } of [
  {
    name: 'from the first run without an answer to the first with one',
    runs: [ok, away('no_reply'), away('no_reply'), ok],
    wanted: [2000],
  },
  { name: 'a path that was never there comes', runs: [away('tcp_timeout'), ok], wanted: [1000] },
  {
    name: 'a run that was not measured ends none and begins none',
    runs: [ok, unmeasured, away('no_reply'), unmeasured, ok],
    wanted: [2000],
  },
  { name: 'another failure is an answer', runs: [away('host_unreachable'), away('tcp_refused'), ok], wanted: [1000] },
  {
    name: 'loss of a part, a refusal, a bad certificate are no outage',
    runs: [away('packet_loss'), away('tcp_refused'), away('certificate_expired'), ok],
    wanted: [],
  },
  { name: 'two outages are two', runs: [away('no_reply'), ok, ok, away('no_reply'), away('ttl_exceeded'), ok], wanted: [1000, 2000] },
]) {
  t.test(`outage: ${name}`, async t => {
    const outages = watchOutages()
    const lengths = runs.map((outcome, at) => outages.take('c/p', outcome, at * 1000)).filter(length => length !== undefined)
    t.strictSame(lengths, wanted)
  })
}

t.test('a path that is measured no more is forgotten, the others are not', async t => {
  const outages = watchOutages()
  for (const key of ['a', 'b']) outages.take(key, away('no_reply'), 0)
  outages.keep(['b', 'c'])
  t.equal(outages.take('a', ok, 5000), undefined)
  t.equal(outages.take('b', ok, 5000), 5000)
})

const labels: Labels = { check: 'c', kind: 'icmp', target: 'p', host: '192.0.2.1', family: 4 }

/** A window of ten seconds of one path, or of none. */
const window = (at: number, medianMs: number | undefined, of: Labels = labels): WindowRecord => ({
  type: 'window',
  startMs: at * 10_000,
  endMs: (at + 1) * 10_000,
  group: 0,
  self: [],
  paths:
    medianMs === undefined
      ? []
      : [{ labels: of, points: [{ series: { key: 'rtt', form: 'times', variant: [] }, value: timesOf(histogramOf([medianMs / 1000])) }] }],
})

t.test('a round trip that doubles is one event, with the level before and after', async t => {
  const events: AgentEvent[] = []
  const steps = watchRttSteps(event => events.push(event))
  const medians = jitteryWindows({ baseMs: 20, jitter: 0.1, perWindow: 10 }, 1, seededRandom(7), s => (s >= 1800 ? 2 : 1))
  for (const [at, median] of medians.entries()) steps.take(window(at, median))
  t.equal(events.length, 1)
  const [{ name, severity, body, attributes, atMs }] = events as [AgentEvent]
  t.match(
    { name, severity, body },
    { name: 'causeway.path.rtt_step', severity: 'warn', body: /^c\/p: the round trip went from \d+\.\d+ to \d+\.\d+ ms$/ },
  )
  t.ok(atMs > 1_800_000 && atMs <= 1_830_000, `told at ${atMs / 1000} s`)
  t.equal(attributes['causeway.state.since'], new Date(1_800_000).toISOString())
  const [before, after] = [Number(attributes['causeway.rtt.before_ms']), Number(attributes['causeway.rtt.after_ms'])]
  t.ok(after / before > 1.8 && after / before < 2.2, `${before} to ${after}`)
})

t.test('windows without an answer say nothing, and a path that is gone is forgotten', async t => {
  const events: AgentEvent[] = []
  const steps = watchRttSteps(event => events.push(event))
  for (let at = 0; at < 40; at++) steps.take(window(at, at < 20 || at > 30 ? 20 : undefined))
  steps.take(window(41, 30, { ...labels, target: 'q' }))
  t.strictSame([events.length, steps.size()], [0, 2])
  for (let at = 42; at < 600; at++) steps.take(window(at, 30, { ...labels, target: 'q' }))
  t.equal(steps.size(), 1)
})
