import t from 'tap'
import type { Path } from '../../agent/path.ts'
import type { WindowRecord } from '../../agent/record.ts'
import { createSelf } from '../../agent/self.ts'
import { pathsPerRecord, Windows } from '../../agent/window.ts'
import { quantile } from '../../probes/net/quantile.ts'
import { anyResult, connect, datagrams, echoes, handClock, pathOf, request, source, transfer } from './paths.ts'

const open = (paths: Path[]) => {
  const clock = handClock()
  const self = createSelf()
  const windows = new Windows(paths, { clock, self, source })
  return {
    clock,
    self,
    windows,
    close: (): WindowRecord[] => {
      clock.pass(10_000)
      return [...windows.close().records()]
    },
  }
}
const onTime = (path: Path) => ({ key: path.key, lateMs: 0.5 })
type Flat = Record<string, unknown>
/** A path's points by name and variant; of durations the quantiles, in ms. */
const flat = (record: WindowRecord | undefined, target: string): Flat =>
  Object.fromEntries(
    record!.paths
      .find(({ labels }) => labels.target === target)!
      .points.map(({ series, value }) => [
        [series.key, ...series.variant].join(' '),
        typeof value === 'number' ? value : value.quantiles.map(q => Math.round(q * 1e6) / 1e3),
      ]),
  )

const [a, b] = [pathOf('icmp', 'a'), pathOf('tcp', 'b')]

t.test('a window has the runs, packets, segments and times of each path, and where they are', async t => {
  const { windows, close } = open([a, b])
  windows.record(0, echoes([10, 20, 30], 1), onTime(a))
  windows.record(0, echoes([40]), onTime(a))
  windows.record(1, connect(7), onTime(b))
  const [record] = close()
  t.match(record, { type: 'window', startMs: Date.UTC(2026, 10, 22), endMs: Date.UTC(2026, 10, 22, 0, 0, 10), group: 0, source })
  t.same(flat(record, 'a'), {
    'runs ok': 2,
    'icmpPackets sent': 5,
    'icmpPackets received': 4,
    'pathHops reverse': 5,
    rtt: [25, 38.5, 39.7],
    duration: [40, 40, 40],
  })
  t.same(flat(record, 'b'), { 'runs ok': 1, 'tcpSegments forward': 3, rtt: [7, 7, 7], duration: [8, 8, 8], 'phase connect': [7, 7, 7] })
  t.same(record!.paths[0]!.labels, {
    check: 'mesh-icmp',
    kind: 'icmp',
    target: 'a',
    host: 'a.azure.example',
    port: undefined,
    family: 4,
    destination: { cloud: 'azure', region: 'eastus' },
  })
  t.same(close()[0]?.paths, undefined, 'the next one starts empty')
})

t.test('loss over UDP is told by direction, and what the responder did not tell is left out', async t => {
  const path = pathOf('udp', 'c')
  const { windows, close } = open([path])
  windows.record(0, datagrams([10, 20, 30], { forward: 2, reverse: 1 }), onTime(path))
  t.same(flat(close()[0], 'c'), {
    'runs ok': 1,
    'udpPackets forward sent': 6,
    'udpPackets forward received': 4,
    'udpPackets reverse sent': 4,
    'udpPackets reverse received': 3,
    rtt: [20, 29, 29.8],
    duration: [40, 40, 40],
  })
  const untold = { sent: null, received: null, lossRatio: null, jitterMs: null, duplicates: null, reordered: null }
  const silent = anyResult('udp', { sent: 5, received: 0, suppressed: 0, forward: untold, reverse: untold, rttMs: null } as never, {
    outcome: { kind: 'fail', reason: 'no_reply', detail: '' },
  })
  windows.record(0, silent, onTime(path))
  t.same(flat(close()[0], 'c'), { 'runs fail no_reply': 1, 'udpPackets forward sent': 5, duration: [40, 40, 40] })
})

t.test("a transfer has the responder's retransmits too, and a request tells the network's time from the service's", async t => {
  const path = pathOf('http', 'd')
  const { windows, close } = open([b, path])
  windows.record(0, connect(7, transfer), onTime(b))
  windows.record(1, request(10, 25, []), onTime(path))
  const [record] = close()
  t.match(flat(record, 'b'), { 'tcpSegments reverse': 40, 'tcpRetransmits reverse': 2 })
  t.match(flat(record, 'd'), { rtt: [10, 10, 10], 'phase server': [25, 25, 25], 'phase wait': [35, 35, 35] })
})

t.test('failures are counted by their reason', async t => {
  const { windows, close } = open([b])
  const refused = { kind: 'fail', reason: 'tcp_refused', detail: 'RST' } as const
  for (let k = 0; k < 3; k++) windows.record(0, connect(7, { outcome: refused }), onTime(b))
  t.match(flat(close()[0], 'b'), { 'runs fail tcp_refused': 3 })
})

t.test('a run that is our own fault is counted, and says nothing about the path', async t => {
  const { windows, close } = open([a])
  windows.record(0, echoes([500], 9, { outcome: { kind: 'unmeasured', reason: 'local_overload', detail: 'late' } }), onTime(a))
  t.same(flat(close()[0], 'a'), { 'runs unmeasured local_overload': 1 })
})

t.test('what a probe that failed as a program did not measure is not asked for', async t => {
  const { windows } = open([b])
  const broken = connect(1, { measured: {} as never, outcome: { kind: 'unmeasured', reason: 'internal', detail: 'TypeError' } })
  t.equal(windows.record(0, broken, onTime(b)), 'changed')
})

t.test('quantiles are exact for few samples, and within the bound of the histogram for many', async t => {
  const { windows, close } = open([a])
  const few = Array.from({ length: 256 }, (_, k) => 10 + ((k * 37) % 256) / 10)
  windows.record(0, echoes(few), onTime(a))
  const sorted = few.toSorted((x, y) => x - y)
  const exact = [0.5, 0.95, 0.99].map(q => Math.round(quantile(sorted, q) * 1e3) / 1e3)
  t.same(flat(close()[0], 'a')['rtt'], exact)

  const many = Array.from({ length: 100_000 }, (_, k) => 10 + ((k * 37) % 90_001) / 1000)
  windows.record(0, echoes(many), onTime(a))
  const [record] = close()
  const times = record!.paths[0]!.points.find(({ series }) => series.key === 'rtt')!.value
  if (typeof times === 'number') return t.fail('durations are a histogram')
  t.equal(times.histogram.count, 100_000)
  t.equal(times.histogram.max, Math.max(...many) / 1000)
  const ordered = many.toSorted((x, y) => x - y)
  for (const [place, q] of [0.5, 0.95, 0.99].entries()) {
    const want = quantile(ordered, q) / 1000
    t.ok(Math.abs(times.quantiles[place]! - want) / want < 2 ** (2 ** -times.histogram.scale), `p${q * 100}`)
  }
})

t.test('a round trip that could not be told is not a zero', async t => {
  const { windows, close } = open([a])
  windows.record(0, echoes([10, Number.NaN, 30]), onTime(a))
  t.match(flat(close()[0], 'a'), { rtt: [20, 29, 29.8], 'icmpPackets received': 3 })
})

t.test('identities: validations by trust domain and the rule that was broken, and when the SVID ends', async t => {
  const path = pathOf('mtls', 'c')
  const { windows, close } = open([path])
  const leaf = { subject: '', issuer: '', notBefore: '', notAfter: '2026-11-23T00:00:00.000Z', sans: [], serial: '', fingerprint256: '' }
  const measured = { chain: [leaf], trustDomain: 'azure.example' } as never
  windows.record(0, anyResult('mtls', measured, { phasesMs: { connect: 9, tls: 21, total: 50 } }), onTime(path))
  const untrusted = { kind: 'fail', reason: 'untrusted_chain', detail: '' } as const
  windows.record(0, anyResult('mtls', measured, { outcome: untrusted }), onTime(path))
  const rejected = { kind: 'fail', reason: 'client_cert_rejected', detail: '' } as const
  windows.record(0, anyResult('mtls', measured, { outcome: rejected }), onTime(path))
  t.match(flat(close()[0], 'c'), {
    'spiffeValidations azure.example': 2,
    'spiffeValidations azure.example untrusted_chain': 1,
    'runs fail client_cert_rejected': 1,
    svidNotAfter: Date.UTC(2026, 10, 23) / 1000,
    rtt: [9, 9, 9],
    'phase tls': [21, 21, 21],
  })
})

t.test('trust domains that peers invent do not become series without end', async t => {
  const path = pathOf('mtls', 'c')
  const { windows, close } = open([path])
  for (let k = 0; k < 1000; k++) {
    const measured = { chain: [{ notAfter: '2026-11-23T00:00:00.000Z' }], trustDomain: `invented-${k}.example` } as never
    windows.record(0, anyResult('mtls', measured), onTime(path))
  }
  const found = Object.entries(flat(close()[0], 'c')).filter(([name]) => name.startsWith('spiffeValidations'))
  t.ok(found.length <= 97, `${found.length} series`)
  t.equal(
    found.reduce((sum, [, n]) => sum + Number(n), 0),
    1000,
    'and none is lost',
  )
})

t.test('a path MTU has a gauge for each direction that is known', async t => {
  const path = pathOf('mtu', 'd')
  const { windows, close } = open([path])
  windows.record(0, anyResult('mtu', { forward: { pathMtu: 1400 }, reverse: { pathMtu: null } } as never), onTime(path))
  t.match(flat(close()[0], 'd'), { 'pathMtu forward': 1400, 'pathMtu reverse': undefined })
})

t.test('says what is worth a log line: a change, and the first failure of its kind in a window', async t => {
  const { windows, close } = open([b])
  const refused = connect(7, { outcome: { kind: 'fail', reason: 'tcp_refused', detail: '' } })
  const timeout = connect(7, { outcome: { kind: 'fail', reason: 'tcp_timeout', detail: '' } })
  const noted = [connect(1), refused, refused, timeout, refused, connect(1)].map(result => windows.record(0, result, onTime(b)))
  t.same(noted, ['same', 'changed', 'same', 'changed', 'changed', 'changed'])
  windows.record(0, refused, onTime(b))
  close()
  t.same([windows.record(0, refused, onTime(b)), windows.record(0, refused, onTime(b))], ['failed', 'same'])
})

t.test('on reload paths that stay keep their counts, those that go are sent once more, and their place is used again', async t => {
  const { windows, close } = open([a, b])
  windows.record(0, echoes([10]), onTime(a))
  windows.record(1, connect(7), onTime(b))
  const c = pathOf('tcp', 'c')
  windows.setPaths([c, { ...a }])
  t.equal(windows.record(0, connect(9), onTime(c)), 'same')
  t.equal(windows.record(0, echoes([30]), onTime(a)), 'same', 'a run that began under the old list is found by its key')
  t.equal(windows.record(1, connect(7), onTime(b)), 'gone', 'one of a path that went is not kept')
  const [record] = close()
  t.match(flat(record, 'a'), { 'runs ok': 2 })
  t.match(flat(record, 'b'), { 'runs ok': 1 })
  t.match(flat(record, 'c'), { 'runs ok': 1 })

  windows.setPaths([a, c, pathOf('tcp', 'e')])
  const rows = [...windows.current()].map(({ row }) => row)
  t.equal(Math.max(...rows), 2, 'three paths have three rows')
  const e = windows.totals.series.map(series => windows.totals.read(rows[2]!, series)).filter(total => total !== undefined)
  t.same(e, [], 'and the new one does not inherit')
})

t.test('a target that moved is another path', async t => {
  const { windows, close } = open([b])
  windows.record(0, connect(7), onTime(b))
  windows.setPaths([{ ...b, host: 'moved.example' }])
  windows.record(0, connect(7), onTime(b))
  t.same(
    close()[0]?.paths.map(({ labels }) => labels.host),
    ['b.azure.example', 'moved.example'],
  )
})

t.test('a thousand rounds of targets that come and go need no more room than one', async t => {
  const { windows, close } = open([])
  for (let round = 0; round < 1000; round++) {
    const paths = Array.from({ length: 5 }, (_, k) => pathOf('tcp', `t${round + k}`))
    windows.setPaths(paths)
    for (const [index, path] of paths.entries()) windows.record(index, connect(1), onTime(path))
    close()
  }
  t.ok([...windows.current()].every(({ row }) => row < 16))
})

t.test('many paths are read in parts, of which each has up to 200 and the first what the agent says of itself', async t => {
  const paths = Array.from({ length: 450 }, (_, k) => pathOf('tcp', `t${k}`))
  const { windows, self, close } = open(paths)
  for (const [index, path] of paths.entries()) windows.record(index, connect(1), { key: path.key, lateMs: 2 })
  self.add('runsSkipped', 3, 'late')
  const records = close()
  t.same(
    records.map(({ group, paths }) => [group, paths.length]),
    [
      [0, pathsPerRecord],
      [1, pathsPerRecord],
      [2, 50],
    ],
  )
  t.match(
    records.map(record => record.self.map(({ series }) => series.key)),
    [['runsSkipped', 'scheduleDelay'], [], []],
  )
})

t.test('totals go on over windows; quantiles are of the last one', async t => {
  const { windows, close } = open([a])
  const read = (key: string) => {
    const series = windows.totals.series.find(one => one.key === key)!
    return windows.totals.read([...windows.current()][0]!.row, series)
  }
  windows.record(0, echoes([10]), onTime(a))
  close()
  windows.record(0, echoes([30], 1), onTime(a))
  close()
  t.same([read('runs'), read('icmpPackets')], [2, 3])
  t.same(read('rtt'), { count: 2, sum: 0.04, quantiles: [0.03, 0.03, 0.03] })
  close()
  t.same(read('rtt'), { count: 2, sum: 0.04, quantiles: [Number.NaN, Number.NaN, Number.NaN] }, 'a silent path has none')
})

t.test('a window that is closed while the one before is still read does not disturb it', async t => {
  const { windows, clock } = open([b])
  windows.record(0, connect(1), onTime(b))
  clock.pass(10_000)
  const first = windows.close()
  windows.record(0, connect(2), onTime(b))
  clock.pass(10_000)
  const second = windows.close()
  windows.record(0, connect(3), onTime(b))
  t.match(flat([...second.records()][0], 'b'), { rtt: [2, 2, 2] })
  t.match(flat([...first.records()][0], 'b'), { rtt: [1, 1, 1] })
})

t.test('a clock that jumps moves windows and bends none', async t => {
  const { windows, clock } = open([b])
  for (const jumpMs of [3_600_000, -7_200_000]) {
    clock.pass(4000)
    clock.step(jumpMs)
    clock.pass(6000)
    windows.record(0, connect(1), onTime(b))
    const [record] = [...windows.close().records()]
    t.equal(record!.endMs, clock.wallMs(), 'ends now')
    t.equal(record!.endMs - record!.startMs, 10_000, 'and is as long as it was')
  }
})
