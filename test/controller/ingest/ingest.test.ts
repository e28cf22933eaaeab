import { gzipSync } from 'node:zlib'
import t from 'tap'
import { decodeBlob } from '../../../controller/history/blob.ts'
import type { PathLabels } from '../../../controller/history/labels.ts'
import { linkOf, queryHistory } from '../../../controller/history/query.ts'
import type { Delivery } from '../../../controller/ingest/delivery.ts'
import type { CommitGroup } from '../../../controller/ingest/group.ts'
import { Ingest } from '../../../controller/ingest/ingest.ts'
import { agentBatches, startMs } from '../../bench/programs/agent-batches.ts'
import { encodeLogs, encodeMetrics } from '../../wire/otlp-messages.ts'

const minuteMs = 60_000
const [protobuf, json] = await Promise.all([agentBatches(6, 20), agentBatches(6, 20, 'json')])
const deliver = (sequence: number, body: Uint8Array, more: Partial<Delivery> = {}): Delivery => ({
  id: { agent: 'agent-1', boot: 'boot-1', sequence },
  signal: 'metrics',
  encoding: 'protobuf',
  isGzip: true,
  body,
  ...more,
})
/** A commit that only remembers. */
const into =
  (groups: CommitGroup[]) =>
  (group: CommitGroup): readonly [] => {
    groups.push(group)
    return []
  }
const open = ({
  owns = () => true,
  commit = () => [],
}: {
  owns?: (agent: string, labels: PathLabels) => boolean
  commit?: (group: CommitGroup) => readonly []
} = {}) => new Ingest({ owns, commit, nowMs: () => startMs + minuteMs })
const aggregates = (ingest: Ingest) =>
  [...ingest.closeMinutes(startMs + minuteMs)].map(({ agent, blob }) => {
    const decoded = decodeBlob(blob)
    if (!decoded.ok) throw new Error(decoded.problems.join())
    return { agent, aggregate: decoded.value }
  })
const all = { fromMs: startMs, toMs: startMs + minuteMs }
const taken = { kind: 'taken', rejected: 0, message: '' } as const

t.test('a minute of an agent, in protobuf or JSON, is one blob that answers for its paths', async t => {
  const rows = []
  for (const [encoding, batches] of [
    ['protobuf', protobuf],
    ['json', json],
  ] as const) {
    const ingest = open()
    const answers = await Promise.all(batches.map(({ body }, k) => ingest.receive(deliver(k, body, { encoding }))))
    t.same(
      answers,
      batches.map(() => taken),
    )
    const minutes = aggregates(ingest)
    t.equal(minutes.length, 1)
    rows.push(queryHistory(minutes, { ...all, groupBy: linkOf }))
  }
  for (const [row, ...more] of rows) {
    t.same(more, [])
    t.match(row, { group: 'aws/us-east-1 → azure/eastus', paths: 20, startMs })
    t.match(row!.summary, {
      runs: { ok: 1200, fail: 0, unmeasured: 0 },
      availability: 1,
      lossRatio: 0.1,
      packets: { sent: 600, received: 540 },
    })
    t.match(row!.summary, { segments: 1800, retransmits: 0, retransmitRatio: 0, rttSeconds: { count: 1140 } })
    const { p50, p95, p99 } = row!.summary.rttSeconds!
    t.ok(p50 > 0.015 && p50 < 0.03 && p95 >= p50 && p99 >= p95, `${p50} ${p95} ${p99}`)
  }
})

t.test('a batch that comes again counts once: at the same time, later, and in whatever order', async t => {
  const groups: CommitGroup[] = []
  const ingest = open({ commit: into(groups) })
  const twice = [...protobuf, ...protobuf.toReversed()].map(({ body }) =>
    ingest.receive(
      deliver(
        protobuf.findIndex(one => one.body === body),
        body,
      ),
    ),
  )
  t.ok((await Promise.all(twice)).every(answer => answer.kind === 'taken'))
  await ingest.receive(deliver(3, protobuf[3]!.body))
  t.same([ingest.counts.batches, ingest.counts.duplicates], [6, 7])
  t.equal(queryHistory(aggregates(ingest), { ...all, groupBy: () => '' })[0]?.summary.runs.ok, 1200)
  t.equal(groups.length, 1, 'all that waits is committed together')
  t.equal(groups[0]!.received.length, 6)
  t.same(
    groups[0]!.batches.map(({ id }) => id.sequence),
    [0, 1, 2, 3, 4, 5],
  )
})

t.test('what could not be committed is not counted, is asked for again, and is taken then', async t => {
  let isBroken = true
  const ingest = open({
    commit: () => {
      if (isBroken) throw new Error('disk full')
      return []
    },
  })
  t.match(await ingest.receive(deliver(1, protobuf[0]!.body)), { kind: 'error', status: 503, retryAfterS: 5 })
  t.same(aggregates(ingest), [])
  isBroken = false
  t.same(await ingest.receive(deliver(1, protobuf[0]!.body)), taken)
  t.equal(aggregates(ingest).length, 1)
})

t.test('what another replica took is not counted here', async t => {
  const ingest = new Ingest({
    owns: () => true,
    nowMs: () => startMs + minuteMs,
    commit: ({ batches }) => batches.slice(0, 1).map(({ id }) => id),
  })
  t.same(await Promise.all([0, 1].map(k => ingest.receive(deliver(k, protobuf[k]!.body)))), [taken, taken])
  t.equal(queryHistory(aggregates(ingest), { ...all, groupBy: () => '' })[0]?.summary.runs.ok, 200)
})

t.test('after a crash the batches that are in no blob are read again', async t => {
  const groups: CommitGroup[] = []
  const first = open({ commit: into(groups) })
  await Promise.all(protobuf.map(({ body }, k) => first.receive(deliver(k, body))))
  const stored = groups.flatMap(({ batches, atMs }) => batches.map(batch => ({ ...batch, atMs, done: [] as number[] })))
  const second = open()
  for (const batch of stored) second.recover(batch)
  t.same(aggregates(second), aggregates(first))
  const third = open()
  for (const batch of stored) third.recover(batch)
  const [minute] = [...third.closeMinutes(startMs + minuteMs)]
  t.same(
    minute!.finished.map(({ sequence }) => sequence),
    [0, 1, 2, 3, 4, 5],
    'and say when they are no longer needed',
  )
  const fourth = open()
  t.notOk(fourth.recover({ ...stored[0]!, done: [startMs / minuteMs] }), 'not the minutes that are in blobs by now')
  t.same(aggregates(fourth), [])
})

t.test('paths of others are refused and counted, the rest is taken', async t => {
  const ingest = open({ owns: (_, { target }) => target !== 'payments-3' })
  const answer = await ingest.receive(deliver(0, protobuf[0]!.body))
  t.match(answer, { kind: 'taken', rejected: 5, message: '5 × not_owned: the path is not one of this agent' })
  t.equal(queryHistory(aggregates(ingest), { ...all, groupBy: () => '' })[0]?.paths, 19)
})

const labels = (target: string) =>
  Object.entries({ 'causeway.check': 'c', 'causeway.kind': 'tcp', 'causeway.target': target, 'server.address': 'h' }).map(
    ([key, value]) => ({
      key,
      value: { stringValue: value },
    }),
  )
const nanos = (ms: number): string => `${ms}000000`
const times = { startTimeUnixNano: nanos(startMs), timeUnixNano: nanos(startMs + 10_000) }
const point = { attributes: labels('t'), ...times }
const request = (...metrics: object[]) => gzipSync(encodeMetrics({ resourceMetrics: [{ resource: {}, scopeMetrics: [{ metrics }] }] }))
const sum = (more: object, data: object = {}) => ({
  name: 'causeway.tcp.segments',
  unit: '{segment}',
  sum: { aggregationTemporality: 1, isMonotonic: true, dataPoints: [{ ...point, asInt: 1, ...more }], ...data },
})
const histogram = (more: object) => ({
  name: 'causeway.probe.rtt',
  unit: 's',
  exponentialHistogram: {
    aggregationTemporality: 1,
    dataPoints: [
      { ...point, count: 3, zeroCount: 1, sum: 1, min: 0, max: 1, scale: 3, positive: { offset: 0, bucketCounts: [1, 1] }, ...more },
    ],
  },
})

t.test('points that are not as they should be are refused one by one, each with its reason', async t => {
  const cases: [string, object][] = [
    ['unknown_metric', { ...sum({}), name: 'other.metric' }],
    ['wrong_type', { ...sum({}), unit: 's' }],
    ['wrong_type', { name: 'causeway.tcp.segments', unit: '{segment}', gauge: { dataPoints: [{ ...point, asInt: 1 }] } }],
    ['wrong_temporality', sum({}, { aggregationTemporality: 2 })],
    ['wrong_temporality', sum({}, { isMonotonic: false })],
    ['no_value', sum({ flags: 1 })],
    ['negative', sum({ asInt: -1 })],
    ['not_finite', sum({ asInt: undefined, asDouble: Number.NaN })],
    ['bad_times', sum({ startTimeUnixNano: times.timeUnixNano })],
    ['too_old', sum({ startTimeUnixNano: 1, timeUnixNano: nanos(startMs - 26 * 3_600_000) })],
    ['in_future', sum({ timeUnixNano: nanos(startMs + minuteMs + 121_000) })],
    ['inconsistent', histogram({ count: 4 })],
    ['inconsistent', histogram({ min: 2 })],
    ['not_finite', histogram({ sum: Number.NaN })],
    ['not_finite', histogram({ max: Number.POSITIVE_INFINITY })],
    ['out_of_range', histogram({ scale: 21 })],
    ['out_of_range', histogram({ scale: -11 })],
    ['out_of_range', histogram({ positive: { offset: 2 ** 30, bucketCounts: [1, 1] } })],
    ['negative', histogram({ negative: { offset: 0, bucketCounts: [1] } })],
    ['bad_attributes', sum({ attributes: labels('t').slice(1) })],
    ['bad_attributes', sum({ attributes: labels('t'.repeat(257)) })],
    ['bad_attributes', sum({ attributes: [...labels('t'), ...labels('t')] })],
  ]
  for (const [problem, metric] of cases) {
    const ingest = open()
    const answer = await ingest.receive(deliver(0, request(metric, sum({}))))
    t.match(
      answer,
      { kind: 'taken', rejected: 1, message: new RegExp(`^1 × ${problem}`) },
      `${problem} ${JSON.stringify(metric).slice(0, 80)}`,
    )
    t.equal(queryHistory(aggregates(ingest), { ...all, groupBy: () => '' })[0]?.summary.segments, 1, 'the other one is taken')
  }
})

t.test('an agent with more paths than it may have: the first ones stay, the rest is counted', async t => {
  const ingest = open()
  const points = Array.from({ length: 30_000 }, (_, k) => ({ ...point, asInt: 1, attributes: labels(`t${k}`) }))
  const body = request(sum({}, { dataPoints: points }))
  const cpu = process.cpuUsage()
  const answer = await ingest.receive(deliver(0, body))
  t.match(answer, { kind: 'taken', rejected: 28_000, message: /^1000 × too_many_paths.*; 27000 × not_judged/ })
  t.ok(process.cpuUsage(cpu).user < 1_000_000, 'and that costs little')
  t.equal(queryHistory(aggregates(ingest), { ...all, groupBy: () => '' })[0]?.paths, 2000)
})

t.test('whole requests that are refused leave nothing behind', async t => {
  const ingest = open()
  const refused = async (more: Partial<Delivery>, status: number) =>
    t.match(await ingest.receive(deliver(0, protobuf[0]!.body, more)), { kind: 'error', status }, JSON.stringify(more).slice(0, 60))
  await refused({ body: gzipSync(Buffer.alloc(32 * 2 ** 20)) }, 413)
  await refused({ body: Buffer.alloc(5 * 2 ** 20) }, 413)
  await refused({ body: Buffer.from('no gzip') }, 400)
  await refused({ isGzip: false }, 400)
  await refused({ encoding: 'json' }, 400)
  await refused({ instance: 'agent-2' }, 403)
  await refused({ id: { agent: 'agent-1', boot: '', sequence: 1 } }, 400)
  await refused({ id: { agent: 'agent-1', boot: 'b\0', sequence: 1 } }, 400)
  await refused({ id: { agent: 'agent-1', boot: 'b', sequence: 1.5 } }, 400)
  t.same(aggregates(ingest), [])
  t.same(await ingest.receive(deliver(0, protobuf[0]!.body, { instance: 'agent-1' })), taken, 'and may be sent again as it should be')
  t.same(await ingest.receive(deliver(9, Buffer.alloc(0), { isGzip: false })), taken, 'a request of nothing is taken')
})

t.test('more than may wait is asked to come again', async t => {
  const ingest = open()
  const body = Buffer.alloc(4 * 2 ** 20)
  const answers = await Promise.all(Array.from({ length: 9 }, (_, k) => ingest.receive(deliver(k, body, { isGzip: false }))))
  t.match(answers.at(-1), { status: 503, retryAfterS: 5 })
  t.ok(answers.slice(0, 8).every(answer => answer.kind === 'error' && answer.status === 400))
})

t.test('events are taken as they are, but for those of paths of others', async t => {
  const groups: CommitGroup[] = []
  const ingest = open({ owns: (_, { target }) => target === 't', commit: into(groups) })
  const record = (target: string) => ({
    timeUnixNano: nanos(startMs),
    severityNumber: 17,
    eventName: 'causeway.run.failed',
    body: { stringValue: 'c/t: tcp_timeout' },
    attributes: [...labels(target), { key: 'list', value: { arrayValue: { values: [{ stringValue: 'a' }, { intValue: '-3' }] } } }],
  })
  const body = gzipSync(encodeLogs({ resourceLogs: [{ scopeLogs: [{ logRecords: [record('t'), record('other')] }] }] }))
  t.match(await ingest.receive(deliver(0, body, { signal: 'logs' })), { kind: 'taken', rejected: 1, message: /not_owned/ })
  t.match(groups[0]!.events, [
    {
      id: { agent: 'agent-1' },
      event: { atMs: startMs, severity: 17, name: 'causeway.run.failed', attributes: { 'causeway.target': 't', list: ['a', -3] } },
    },
  ])
  t.same(groups[0]!.batches, [])
})
