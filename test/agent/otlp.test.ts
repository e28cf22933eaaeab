import fc from 'fast-check'
import t from 'tap'
import { buildEvent } from '../../agent/events.ts'
import { buildResource, type Encoded, type Encoding, encodeRecord } from '../../agent/otlp.ts'
import { packRecord, type WindowRecord } from '../../agent/record.ts'
import { resourceAttributes } from '../../agent/resource.ts'
import { createSelf } from '../../agent/self.ts'
import { Windows } from '../../agent/window.ts'
import { readLogs, readMetrics } from './otlp-reading.ts'
import { anyResult, connect, echoes, handClock, pathOf, source } from './paths.ts'
import { windowRecord } from './records.ts'

const agent = { version: '1.0.0', agentId: 'agent-1', hostName: 'ip-10-0-0-1', place: source, cluster: 'prod' }
const resource = buildResource(resourceAttributes(agent))
const encode = (payload: Uint8Array, encoding: Encoding): Promise<Encoded> => encodeRecord(payload, resource, encoding)

const measured = (paths: number): WindowRecord[] => {
  const all = Array.from({ length: paths }, (_, k) => (k % 2 === 0 ? pathOf('icmp', `p${k}`) : pathOf('tcp', `p${k}`)))
  const [clock, self] = [handClock(), createSelf()]
  const windows = new Windows(all, { clock, self, source })
  for (const [index, { key }] of all.entries())
    for (let run = 0; run < 10; run++)
      windows.record(index, index % 2 === 0 ? echoes([30 + run + index / 100], run % 2) : connect(30 + run), { key, lateMs: 1 })
  clock.pass(10_000)
  return [...windows.close().records()]
}

t.test('a path of a window is these metrics', async t => {
  const { signal, body, points } = await encode(packRecord(measured(1)[0]!), 'protobuf')
  t.equal(signal, 'metrics')
  const read = readMetrics(body, 'protobuf').filter(({ attributes }) => attributes['causeway.target'] === 'p0')
  t.equal(points, readMetrics(body, 'protobuf').length)
  const path = {
    'causeway.check': 'mesh-icmp',
    'causeway.kind': 'icmp',
    'causeway.target': 'p0',
    'server.address': 'p0.azure.example',
    'network.type': 'ipv4',
    'causeway.source.cloud': 'aws',
    'causeway.source.region': 'us-east-1',
    'causeway.destination.cloud': 'azure',
    'causeway.destination.region': 'eastus',
  }
  const seen = read.map(({ name, unit, form, attributes }) => ({ name, unit, form, attributes }))
  const sum = (name: string, unit: string, more: object) => ({ name, unit, form: 'sum', attributes: { ...path, ...more } })
  const quantile = (q: number) => ({
    name: 'causeway.probe.rtt_quantile',
    unit: 's',
    form: 'gauge',
    attributes: { ...path, 'causeway.quantile': q },
  })
  t.same(seen, [
    sum('causeway.probe.runs', '{run}', { 'causeway.outcome': 'ok' }),
    sum('causeway.icmp.packets', '{packet}', { 'causeway.state': 'sent' }),
    sum('causeway.icmp.packets', '{packet}', { 'causeway.state': 'received' }),
    { name: 'causeway.path.hops', unit: '{hop}', form: 'gauge', attributes: { ...path, 'causeway.direction': 'reverse' } },
    { name: 'causeway.probe.duration', unit: 's', form: 'exponentialHistogram', attributes: path },
    { name: 'causeway.probe.rtt', unit: 's', form: 'exponentialHistogram', attributes: path },
    ...[0.5, 0.95, 0.99].map(quantile),
  ])
  t.same(
    read.filter(({ form }) => form === 'sum').map(({ value }) => value),
    [10, 15, 10],
  )
  t.match(read.find(({ name }) => name === 'causeway.probe.rtt')!.value, { count: 10, min: 0.03, max: 0.039 })
  t.equal(read.at(-3)!.value, 0.0345)
  const startNs = `${Date.UTC(2026, 10, 22)}000000`
  const endNs = `${Date.UTC(2026, 10, 22, 0, 0, 10)}000000`
  t.ok(
    read.every(point => point.startNs === startNs && point.endNs === endNs),
    'with the time at which they were measured',
  )
  t.ok(
    read.every(({ form, temporality }) => form === 'gauge' || temporality === 1),
    'delta temporality',
  )
  t.ok(read.every(({ form, isMonotonic }) => isMonotonic === (form === 'sum')))
  t.match(read[0], {
    scope: 'causeway',
    resource: { 'service.name': 'causeway-agent', 'cloud.region': 'us-east-1', 'k8s.cluster.name': 'prod' },
  })
})

t.test('what the agent says of itself has no path', async t => {
  const { body } = await encode(packRecord(measured(1)[0]!), 'json')
  const own = readMetrics(body, 'json').find(({ name }) => name === 'causeway.agent.schedule.delay')
  t.match(own, { form: 'exponentialHistogram', value: { count: 10, min: 0.001 } })
  t.same(own!.attributes, { 'causeway.source.cloud': 'aws', 'causeway.source.region': 'us-east-1' })
})

/** As a set: slices may come in any order. */
const asSet = (points: object[]): Set<string> => new Set(points.map(point => JSON.stringify(point)))

t.test('JSON says the same as protobuf, also when it takes several slices', async t => {
  for (const paths of [1, 200]) {
    const payload = packRecord(measured(paths)[0]!)
    const [protobuf, json] = await Promise.all([encode(payload, 'protobuf'), encode(payload, 'json')])
    t.equal(protobuf.points, json.points)
    t.same(asSet(readMetrics(protobuf.body, 'protobuf')), asSet(readMetrics(json.body, 'json')))
  }
})

t.test('every point of a large record is sent, and other work gets its turn meanwhile', async t => {
  const [record] = measured(200)
  let turns = 0
  const count = (): void => {
    turns++
    timer = setImmediate(count)
  }
  let timer = setImmediate(count)
  const { body, points } = await encode(packRecord(record!), 'protobuf')
  clearImmediate(timer)
  const read = readMetrics(body, 'protobuf')
  t.equal(read.length, points)
  t.ok(points > 1500, `${points} points`)
  t.ok(turns >= 3, `${turns} turns`)
  t.equal(new Set(read.map(({ name, attributes }) => JSON.stringify([name, attributes]))).size, points, 'none twice')
})

t.test('whatever a record holds becomes valid points', async () => {
  await fc.assert(
    fc.asyncProperty(windowRecord, fc.constantFrom('protobuf' as const, 'json' as const), async (record, encoding) => {
      const { body, points } = await encode(packRecord(record), encoding)
      const read = readMetrics(body, encoding)
      const isWhole = (value: unknown): boolean => {
        if (typeof value === 'number') return Number.isFinite(value)
        const { count, zeroCount, counts } = value as { count: number; zeroCount: number; counts: number[] }
        return count > 0 && count === zeroCount + counts.reduce((a, b) => a + b, 0)
      }
      return read.length === points && read.every(({ value }) => isWhole(value))
    }),
    { numRuns: 60 },
  )
})

t.test('series that only another version knows are left out', async t => {
  const unknown = { series: { key: 'warpSpeed', form: 'sum', variant: [] }, value: 3 } as const
  const another = { series: { key: 'runs', form: 'gauge', variant: [] }, value: 3 } as const
  const payload = packRecord({ type: 'window', startMs: 0, endMs: 10_000, group: 0, self: [unknown, another], paths: [] })
  for (const encoding of ['protobuf', 'json'] as const) {
    const { body, points } = await encode(payload, encoding)
    t.equal(points, 0)
    t.same(readMetrics(body, encoding), [])
  }
})

t.test('what is no record is not sent as one', async t => {
  await t.rejects(encode(Buffer.from('garbage'), 'protobuf'), { name: 'Error', message: /^not a record: version 103/ })
})

t.test('a failed run is a log with its evidence, the same in JSON and in protobuf', async t => {
  const path = pathOf('tcp', 'payments')
  const result = connect(7, {
    outcome: { kind: 'fail', reason: 'tcp_refused', detail: 'RST after 7 ms, want SYN-ACK' },
    warnings: [{ code: 'retransmits', detail: '2 of 3' }],
  })
  const atMs = Date.UTC(2026, 10, 22, 0, 0, 3)
  const payload = packRecord({
    type: 'events',
    source,
    events: [buildEvent(path, result, 'changed', atMs), buildEvent(path, connect(1), 'changed', atMs)],
  })
  const [protobuf, json] = await Promise.all([encode(payload, 'protobuf'), encode(payload, 'json')])
  t.match(protobuf, { signal: 'logs', points: 2 })
  t.same(readLogs(protobuf.body, 'protobuf'), readLogs(json.body, 'json'))
  const [failed, again] = readLogs(json.body, 'json')
  t.match(failed, {
    ns: `${atMs}000000`,
    severity: 17,
    text: 'ERROR',
    name: 'causeway.path.changed',
    body: 'mesh-tcp/payments: tcp_refused: RST after 7 ms, want SYN-ACK',
    scope: 'causeway',
    attributes: {
      'causeway.target': 'payments',
      'causeway.source.region': 'us-east-1',
      'error.type': 'tcp_refused',
      'causeway.detail': 'RST after 7 ms, want SYN-ACK',
      'network.peer.address': '10.1.2.3',
      'causeway.warnings': ['retransmits: 2 of 3'],
      'causeway.measured.synRttMs': 7,
      'causeway.phase_ms.connect': 7,
    },
  })
  t.match(again, { severity: 9, body: 'mesh-tcp/payments: ok' })
})

t.test('the environment adds attributes of the resource, and does not change who we are', async t => {
  const given = 'team=net%20ops, k8s.cluster.name=other,host.name=box'
  t.match(resourceAttributes(agent, given), { team: 'net ops', 'k8s.cluster.name': 'prod', 'host.name': 'box' })
  for (const broken of ['team', 'team=a,=b', 'team=%zz', 'a=b=c'])
    t.same(resourceAttributes(agent, broken), resourceAttributes(agent), broken)
})

t.test('the log of an HTTP run is part of the trace that the service saw', async t => {
  const measured = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }
  const event = buildEvent(pathOf('http', 'site'), anyResult('http', measured as never), 'changed', 0)
  const payload = packRecord({ type: 'events', source, events: [event, buildEvent(pathOf('tcp', 'payments'), connect(1), 'changed', 0)] })
  const { body } = await encode(payload, 'json')
  const [{ scopeLogs }] = (JSON.parse(Buffer.from(body).toString()) as { resourceLogs: [{ scopeLogs: [{ logRecords: object[] }] }] })
    .resourceLogs
  t.match(scopeLogs[0].logRecords, [measured, { traceId: undefined }])
  const protobuf = Buffer.from((await encode(payload, 'protobuf')).body)
  t.ok(protobuf.includes(Buffer.from(measured.traceId, 'hex')) && protobuf.includes(Buffer.from(measured.spanId, 'hex')))
})
