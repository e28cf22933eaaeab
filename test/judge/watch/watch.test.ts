import t from 'tap'
import { summarise } from '../../../judge/watch/summary.ts'
import { buildWatch } from '../../../judge/watch/watch.ts'
import { emptyHistogram } from '../../../wire/histogram.ts'
import type { WatchDocument, WatchEvent } from '../../../wire/watch.ts'

type Path = { rttMs?: number; ttl?: number; there?: boolean; down?: boolean }

/** A watch of a path that is as `at` says at each ms, on a clock that only the test moves. */
function play(
  lengthMs: number,
  at: (ms: number) => Path,
  { intervalMs = 10, timeoutMs = 1000, counts = false, objectiveMs = undefined as number | undefined } = {},
) {
  const events: WatchEvent[] = []
  const watch = buildWatch({ intervalMs, timeoutMs }, event => events.push(structuredClone(event)))
  let received = 0
  for (let index = 0, ms = 0; ms < lengthMs; ms = ++index * intervalMs) {
    const { rttMs = 5, ttl = 60, down = false, there = !down } = at(ms)
    watch.sent(index, ms)
    if (there) received++
    if (!down) watch.answered(index, ms + rttMs, rttMs, ttl, counts ? { received, epoch: 0 } : undefined)
    watch.advance(ms)
  }
  watch.advance(lengthMs + timeoutMs)
  watch.close()
  const facts = { startedAt: '2026-01-01T00:00:00.000Z', kind: 'icmp', intervalMs, durationMs: lengthMs, objectiveMs, overflow: 0 } as const
  const target = { host: 'h', address: '192.0.2.1', family: 4 } as const
  const document: WatchDocument = summarise(watch.totals, { ...facts, target, latenessMs: emptyHistogram() })
  return { events, watch, document, told: events.filter(({ type }) => type !== 'second').map(({ type }) => type) }
}

t.test('an outage is off by less than an interval at each end, whenever it begins and however long it is', async t => {
  for (let case_ = 0; case_ < 300; case_++) {
    const intervalMs = [1, 5, 20][case_ % 3]!
    const beganMs = 1000 + case_ * 1.37
    const lengthMs = 50 + case_ ** 2 * 0.11
    const { document } = play(beganMs + lengthMs + 1500, ms => ({ down: ms >= beganMs && ms < beganMs + lengthMs }), { intervalMs })
    t.equal(document.outageCount, 1, `${lengthMs} ms every ${intervalMs} ms`)
    const error = Math.abs(document.longestMs - lengthMs)
    if (error > intervalMs + 0.001) t.fail(`off by ${error} ms at one probe every ${intervalMs} ms`)
  }
})

t.test('what is around an outage: round trip, TTL, and the steps that came with it', async t => {
  const { document, told } = play(9000, ms => ({ down: ms >= 3000 && ms < 4500, rttMs: ms < 4000 ? 5 : 25, ttl: ms < 4000 ? 60 : 58 }))
  t.match(document.outages, [
    {
      number: 1,
      beganMs: 3000,
      lastLostMs: 4490,
      endedMs: 4500,
      lengthMs: 1500,
      lost: 150,
      rttMs: { before: 5, after: 25 },
      ttl: { before: 60, after: 58 },
    },
  ])
  t.match(document.steps, [
    { what: 'ttl', before: 60, after: 58, outage: 1, atMs: 4500 },
    { what: 'rtt', before: 5, after: 25, outage: 1, atMs: 4500 },
  ])
  t.strictSame(told, ['outage_began', 'outage_ended', 'step', 'step', 'outage_settled'])
})

t.test('a round trip that doubles without a loss is a step within some seconds', async t => {
  const { document } = play(60_000, ms => ({ rttMs: ms < 30_000 ? 10 + ((ms / 10) % 3) : 20 + ((ms / 10) % 3) }))
  t.match(document.steps, [{ what: 'rtt' }])
  const [step] = document.steps
  const [atMs, before, after] = [step!.atMs, Number(step!.before), Number(step!.after)]
  t.ok(atMs >= 29_000 && atMs <= 33_000, `at ${atMs}`)
  t.ok(Math.abs(before - 11) < 1 && Math.abs(after - 21) < 1)
})

for (const { name, there, direction } of [
  { name: 'what never got there was lost on the way there', there: () => false, direction: 'forward' },
  { name: 'what got there was lost on the way back', there: () => true, direction: 'reverse' },
  { name: 'some of each is both', there: (ms: number) => ms < 3500, direction: 'both' },
]) {
  t.test(name, async t => {
    const { document } = play(6000, ms => (ms >= 3000 && ms < 4000 ? { down: true, there: there(ms) } : {}), { counts: true })
    t.equal(document.outages[0]!.direction, direction)
  })
}

t.test('a responder that counts anew had forgotten us', async t => {
  const events: WatchEvent[] = []
  const watch = buildWatch({ intervalMs: 10, timeoutMs: 100 }, event => events.push(event))
  const answered = (index: number, received: number, epoch: number) => {
    watch.sent(index, index * 10)
    if (received > 0) watch.answered(index, index * 10 + 1, 1, 64, { received, epoch })
  }
  for (let index = 0; index < 10; index++) answered(index, index + 1, 0)
  for (let index = 10; index < 30; index++) answered(index, 0, 0)
  for (let index = 30; index < 40; index++) answered(index, index - 29, 1)
  watch.advance(1000)
  t.match(watch.totals.outages, [{ lost: 20, direction: 'forward', responderForgot: true }])
})

for (const { name, at, wanted } of [
  { name: 'loss at random is no outage', at: (ms: number) => ({ down: (ms * 7919) % 100 < 10 }), wanted: 0 },
  { name: 'two in a row within 20 ms are loss', at: (ms: number) => ({ down: ms === 2000 || ms === 2005 }), wanted: 0 },
  {
    name: 'two outages with one answer between them are two',
    at: (ms: number) => ({ down: ms >= 2000 && ms < 3000 && ms !== 2500 }),
    wanted: 2,
  },
  {
    name: 'an answer that comes after the timeout is late, and lost',
    at: (ms: number) => ({ rttMs: ms >= 2000 && ms < 2500 ? 1500 : 5 }),
    wanted: 1,
  },
]) {
  t.test(name, async t => {
    t.equal(play(6000, at, { intervalMs: 5 }).document.outageCount, wanted)
  })
}

for (const { name, at, objectiveMs, verdict, detail } of [
  { name: 'no outage', at: () => ({}), objectiveMs: undefined, verdict: 'ok', detail: /^no outage$/ },
  {
    name: 'within',
    at: (ms: number) => ({ down: ms >= 2000 && ms < 3000 }),
    objectiveMs: 1100,
    verdict: 'ok',
    detail: /within the objective of 1.1 s/,
  },
  {
    name: 'beyond',
    at: (ms: number) => ({ down: ms >= 2000 && ms < 3000 }),
    objectiveMs: 900,
    verdict: 'fail',
    detail: /took 1 s, at most 900 ms/,
  },
  {
    name: 'outages without an objective',
    at: (ms: number) => ({ down: ms >= 2000 && ms < 3000 }),
    objectiveMs: undefined,
    verdict: 'ok',
    detail: /1 outage, the longest 1 s$/,
  },
  {
    name: 'down at the end',
    at: (ms: number) => ({ down: ms >= 5000 }),
    objectiveMs: undefined,
    verdict: 'fail',
    detail: /the path is down/,
  },
  {
    name: 'down at the end, for longer than is allowed',
    at: (ms: number) => ({ down: ms >= 4000 }),
    objectiveMs: 1500,
    verdict: 'fail',
    detail: /longest outage/,
  },
  { name: 'never there', at: () => ({ down: true }), objectiveMs: 30_000, verdict: 'fail', detail: /no answer to any of 600 probes/ },
]) {
  t.test(`the verdict: ${name}`, async t => {
    const { document } = play(6000, at, { objectiveMs })
    t.equal(document.verdict, verdict, document.detail)
    t.match(document.detail, detail)
  })
}

t.test('what was looked at before and after is told as steps, of MTU and route', async t => {
  const events: WatchEvent[] = []
  const watch = buildWatch({ intervalMs: 10, timeoutMs: 100 }, event => events.push(event))
  watch.looked(1, { mtu: 1420, route: { fingerprint: 'a', hops: ['10.0.0.1', null, '10.9.0.9'] } })
  watch.looked(2, { mtu: null, route: null })
  watch.looked(3, { mtu: 1400, route: { fingerprint: 'b', hops: ['10.0.0.2', null, '10.9.0.9'] } })
  t.match(watch.totals.steps, [
    { what: 'mtu', before: 1420, after: 1400 },
    { what: 'route', before: '10.0.0.1 * 10.9.0.9', after: '10.0.0.2 * 10.9.0.9' },
  ])
  watch.looked(4, { route: { fingerprint: 'c', hops: [null, '10.0.0.9', '10.9.0.9'] } })
  t.equal(watch.totals.stepCount, 2, 'a hop that is silent this time, or answers this time, is no other route')
})

t.test('a clock that is stepped during an outage changes no length: answers whose round trip cannot be told end it', async t => {
  const watch = buildWatch({ intervalMs: 10, timeoutMs: 100 }, () => {})
  for (let index = 0; index < 600; index++) {
    const ms = index * 10
    watch.sent(index, ms)
    // What was sent before the step has no time of its own (probes/net/echoes.ts): the step is in the middle of the outage, and some answers come after another one.
    const isUntold = ms >= 3000 && ms < 3200
    if (ms < 1000 || ms >= 3000) watch.answered(index, ms + 5, isUntold ? Number.NaN : 5, 60)
    watch.advance(ms)
  }
  watch.advance(7000)
  t.match(watch.totals, { outageCount: 1, longestMs: 2000, lost: 200, received: 400, stepCount: 0 })
  const [outage] = watch.totals.outages
  t.match(outage, { beganMs: 1000, endedMs: 3000, lengthMs: 2000, rttMs: { before: 5, after: 5 } })
})

t.test('an hour at a thousand a second is remembered in no more memory than a minute', async t => {
  const events: WatchEvent[] = []
  const watch = buildWatch({ intervalMs: 1, timeoutMs: 1000 }, event => event.type !== 'second' && events.push(event))
  const used: number[] = []
  for (let index = 0; index < 3_600_000; index++) {
    watch.sent(index, index)
    if (index % 60_000 > 100) watch.answered(index, index + 5, 5 + (index % 7), 60)
    if (index % 10 === 0) watch.advance(index)
    if (index % 600_000 === 60_000) {
      globalThis.gc?.()
      used.push(process.memoryUsage().heapUsed)
    }
  }
  t.equal(watch.totals.outageCount, 60, 'one a minute')
  t.ok(used.at(-1)! - used[0]! < 20e6, `the heap was ${used.map(bytes => Math.round(bytes / 1e6)).join(' ')} MB`)
})
