import fc from 'fast-check'
import t from 'tap'
import { pointAttributeLimits, readInstanceId, readKeyValue } from '../../wire/otlp-attributes.ts'
import { transcodeJson } from '../../wire/otlp-json.ts'
import type { WirePoint } from '../../wire/otlp-point.ts'
import { faultOf, type MetricHead, type ReadFault, readMetrics } from '../../wire/otlp-read.ts'
import { WireWriter } from '../../wire/protobuf.ts'
import { decodeMetrics, encodeMetrics, type Message, type Metric, metricsMessage, type Point } from './otlp-messages.ts'

const generous = { keyBytes: 1e6, valueBytes: 1e6, items: 1e6, depth: 50 }
type Seen = { fault: ReadFault | undefined; points: unknown[]; unwanted: number }

/** All that our reader says. */
const ours = (bytes: Uint8Array): Seen => {
  const points: unknown[] = []
  let [head, unwanted]: [MetricHead | undefined, number] = [undefined, 0]
  const fault = readMetrics(bytes, {
    resource: () => {},
    metric: one => {
      head = { ...one }
      return true
    },
    point: (point, whole) => points.push({ ...head, ...plain(point, whole, head!.form === 'exponentialHistogram') }),
    unwanted: count => {
      unwanted += count
    },
  })
  return { fault, points, unwanted }
}

const plain = (point: WirePoint, bytes: Uint8Array, isHistogram: boolean): object => {
  const attributes: unknown[] = []
  const fault = faultOf(() => {
    for (let k = 0; k < point.attributes; k++) {
      const { key, value } = readKeyValue(bytes, point.from[k]!, point.to[k]!, generous)
      attributes.push([key, value])
    }
  })
  const { startNs, endNs, value, count, zeroCount, sum, min, max, scale, offset, size } = point
  const times = { attributes: fault ? 'unreadable' : attributes, startNs, endNs }
  if (!isHistogram) return { ...times, value: value ?? null }
  return {
    ...times,
    count,
    zeroCount,
    sum: sum ?? null,
    min: min ?? null,
    max: max ?? null,
    scale,
    offset,
    counts: [...point.counts.subarray(0, size)],
  }
}

/** The same, by protobufjs. */
const theirs = (message: Message): unknown[] =>
  (message.resourceMetrics ?? []).flatMap(resource =>
    (resource.scopeMetrics ?? []).flatMap(scope =>
      (scope.metrics ?? []).flatMap(metric => {
        const form = (['gauge', 'sum', 'exponentialHistogram'] as const).find(one => metric[one])
        return form ? (metric[form]!.dataPoints ?? []).map(point => ({ ...headOf(metric, form), ...pointOf(point, form) })) : []
      }),
    ),
  )
const headOf = (metric: Metric, form: 'gauge' | 'sum' | 'exponentialHistogram'): object => ({
  name: metric.name ?? '',
  unit: metric.unit ?? '',
  form,
  temporality: metric[form]!.aggregationTemporality ?? 0,
  isMonotonic: metric[form]!.isMonotonic ?? false,
})
const anyOf = (value: Record<string, unknown> = {}): unknown => {
  const [[name, own] = []] = Object.entries(value)
  return name === 'intValue' ? Number(own) : (own ?? null)
}
const pointOf = (point: Point, form: string): object => {
  const attributes = (point.attributes ?? []).map(({ key, value }) => [key ?? '', anyOf(value as Record<string, unknown>)])
  const times = { attributes, startNs: Number(point.startTimeUnixNano ?? 0), endNs: Number(point.timeUnixNano ?? 0) }
  if (form !== 'exponentialHistogram')
    return { ...times, value: point.asDouble ?? (point.asInt === undefined ? null : Number(point.asInt)) }
  return {
    ...times,
    count: Number(point.count ?? 0),
    zeroCount: Number(point.zeroCount ?? 0),
    sum: point.sum ?? null,
    min: point.min ?? null,
    max: point.max ?? null,
    scale: point.scale ?? 0,
    offset: point.positive?.offset ?? 0,
    counts: (point.positive?.bucketCounts ?? []).map(Number),
  }
}

t.test('what protobufjs wrote is read as protobufjs reads it', async t => {
  fc.assert(
    fc.property(metricsMessage, message => {
      const bytes = encodeMetrics(message)
      const seen = ours(bytes)
      t.equal(seen.fault, undefined)
      t.same(seen.points, theirs(decodeMetrics(bytes)))
    }),
    { numRuns: 300 },
  )
})

t.test('JSON says the same as protobuf, with numbers or texts for integers, and unknown fields', async t => {
  fc.assert(
    fc.property(metricsMessage, fc.boolean(), (message, asNumbers) => {
      const text = JSON.stringify(message, (key, value: unknown) => {
        if (asNumbers && typeof value === 'string' && /^-?\d{1,15}$/.test(value) && /^(count|zeroCount|intValue|asInt)$/.test(key))
          return Number(value)
        return key !== 'notKnown' && value !== null && typeof value === 'object' && !Array.isArray(value)
          ? { ...value, notKnown: { deep: [1] } }
          : value
      })
      const bytes = transcodeJson(Buffer.from(text), 'MetricsRequest')
      if (!(bytes instanceof Uint8Array)) throw new Error(bytes.detail)
      t.same(ours(bytes), ours(encodeMetrics(message)))
    }),
    { numRuns: 200 },
  )
})

/** Field by field, in another order and with fields that no one knows in between. */
const shuffled = (parts: readonly ((out: WireWriter) => void)[]): Buffer => {
  const out = new WireWriter()
  for (const part of parts) {
    out.tag(900, 0)
    out.varint(2n ** 64n - 1n)
    part(out)
    out.tag(901, 5)
    out.fixed32(7)
    out.delimited(902, Buffer.from('unknown'))
  }
  return out.bytes
}

t.test('fields in any order, unknown ones in between, buckets packed or not, numbers longer than they need be', async t => {
  const buckets = shuffled([
    out => {
      out.tag(2, 0)
      out.varint(3)
    },
    out => out.delimited(2, Buffer.of(4, 0x85, 0x80, 0x00)),
    out => {
      out.tag(1, 0)
      out.varint(5)
    },
  ])
  const point = shuffled([
    out => out.delimited(8, buckets),
    out => {
      out.tag(3, 1)
      out.fixed64(20n)
    },
    out => {
      out.tag(2, 1)
      out.fixed64(10n)
    },
    out => out.delimited(1, encodeKeyValue('a', 'b')),
  ])
  const metric = shuffled([
    out =>
      out.delimited(
        10,
        shuffled([
          inner => inner.delimited(1, point),
          inner => {
            inner.tag(2, 0)
            inner.varint(1)
          },
        ]),
      ),
    out => out.delimited(3, Buffer.from('s')),
    out => out.delimited(1, Buffer.from('name')),
  ])
  const request = shuffled([out => out.delimited(1, shuffled([scope => scope.delimited(2, shuffled([own => own.delimited(2, metric)]))]))])
  const seen = ours(request)
  t.match(seen, {
    fault: undefined,
    points: [{ name: 'name', unit: 's', temporality: 1, startNs: 10, endNs: 20, offset: -3, counts: [3, 4, 5] }],
  })
  t.same(seen.points, theirs(decodeMetrics(request)))
})

const encodeKeyValue = (key: string, text: string): Buffer => {
  const [pair, value] = [new WireWriter(), new WireWriter()]
  value.delimited(1, Buffer.from(text))
  pair.delimited(1, Buffer.from(key))
  pair.delimited(2, value.bytes)
  return pair.bytes
}

/** Bytes changed, cut out, put in, repeated. */
const mutation = fc.record({
  at: fc.nat(),
  kind: fc.constantFrom('set', 'cut', 'insert', 'repeat', 'end'),
  byte: fc.nat({ max: 255 }),
  length: fc.nat({ max: 20 }),
})
const mutate = (bytes: Buffer, changes: readonly { at: number; kind: string; byte: number; length: number }[]): Buffer => {
  let changed: Buffer = Buffer.from(bytes)
  for (const { at, kind, byte, length } of changes) {
    const place = changed.length === 0 ? 0 : at % changed.length
    const [head, tail] = [changed.subarray(0, place), changed.subarray(place)]
    if (kind === 'set' && changed.length > 0) changed[place] = byte
    else if (kind === 'cut') changed = Buffer.concat([head, tail.subarray(length)])
    else if (kind === 'insert') changed = Buffer.concat([head, Buffer.alloc(length, byte), tail])
    else if (kind === 'repeat') changed = Buffer.concat([head, tail.subarray(0, length), tail])
    else changed = Buffer.from(head)
  }
  return changed
}

t.test('whatever the bytes: no exception, bounded time, and what is taken protobufjs takes too, with as many points', async t => {
  let [taken, refused] = [0, 0]
  fc.assert(
    fc.property(metricsMessage, fc.array(mutation, { minLength: 1, maxLength: 4 }), (message, changes) => {
      const bytes = mutate(encodeMetrics(message), changes)
      const seen = ours(bytes)
      let their: Message | undefined
      try {
        their = decodeMetrics(bytes)
      } catch {
        their = undefined
      }
      if (seen.fault) refused++
      else taken++
      if (seen.fault || !their) return
      t.equal(seen.points.length, theirs(their).length)
    }),
    { numRuns: 2000 },
  )
  t.ok(taken > 50 && refused > 50, `${taken} taken, ${refused} refused`)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), bytes => void ours(bytes)),
    { numRuns: 2000 },
  )
})

t.test('limits are reached before anything is made of what is beyond them', async t => {
  const nested = (body: Buffer, ...fields: number[]): Buffer =>
    fields.reduce((inner, field) => {
      const out = new WireWriter()
      out.delimited(field, inner)
      return out.bytes
    }, body)
  const request = (metric: Buffer) => nested(metric, 2, 2, 1)
  const points = Buffer.alloc(2 * 60_000, Buffer.of(10, 0))
  t.match(ours(request(nested(points, 5))).fault, { kind: 'limit', detail: 'more than 50000 data points' })
  const metrics = new WireWriter()
  for (let k = 0; k <= 5000; k++) metrics.delimited(2, Buffer.alloc(0))
  t.match(ours(nested(metrics.bytes, 2, 1)).fault, { kind: 'limit', detail: 'more than 5000 metrics' })
  const attributes = new WireWriter()
  for (let k = 0; k <= 32; k++) attributes.delimited(7, encodeKeyValue(`k${k}`, 'v'))
  t.match(ours(request(nested(nested(attributes.bytes, 1), 5))).fault, { kind: 'limit', detail: 'a point with more than 32 attributes' })
  const buckets = nested(nested(nested(nested(Buffer.alloc(321, 1), 2), 8), 1), 10)
  t.match(ours(request(buckets)).fault, { kind: 'limit', detail: 'a histogram with more than 320 buckets' })
  t.match(ours(request(nested(Buffer.alloc(300, 65), 1))).fault, { kind: 'limit', detail: 'a text of more than 255 bytes' })
  t.match(ours(Buffer.alloc(300, 0x0b)).fault, { kind: 'limit', detail: 'groups nested too deep' })
  t.match(ours(Buffer.of(10, 0xff, 0xff, 0xff, 0xff, 0x0f)).fault, { kind: 'malformed', detail: 'a part is longer than the whole' })
  const cpu = process.cpuUsage()
  t.equal(ours(Buffer.alloc(16 * 2 ** 20, Buffer.of(10, 0))).fault, undefined, 'eight million empty parts')
  t.ok(process.cpuUsage(cpu).user < 3_000_000, 'in some time')
})

t.test('attributes of a series are short, plain, and of one kind', async t => {
  const read = (bytes: Buffer) => {
    let value: unknown
    const fault = faultOf(() => {
      value = readKeyValue(bytes, 0, bytes.length, pointAttributeLimits)
    })
    return fault?.kind ?? value
  }
  t.same(read(encodeKeyValue('a', 'b')), { key: 'a', value: 'b' })
  t.equal(read(encodeKeyValue('a'.repeat(65), 'b')), 'limit')
  t.equal(read(encodeKeyValue('a', 'b'.repeat(257))), 'limit')
  const list = Buffer.of(10, 1, 97, 18, 4, 42, 2, 10, 0)
  t.equal(read(list), 'limit', 'no list')
  const resource = new WireWriter()
  resource.delimited(1, encodeKeyValue('service.name', 'x'))
  resource.delimited(1, encodeKeyValue('service.instance.id', 'agent-7'))
  t.equal(readInstanceId(resource.bytes, 0, resource.bytes.length), 'agent-7')
})

t.test('what is no OTLP/JSON is a reason, not an exception', async t => {
  const why = (text: string) => {
    const read = transcodeJson(Buffer.from(text), 'MetricsRequest')
    return read instanceof Uint8Array ? 'taken' : `${read.kind}: ${read.detail}`
  }
  t.equal(why('{}'), 'taken')
  t.equal(why('{"resourceMetrics":null,"other":1}'), 'taken')
  t.equal(
    why('{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":7}]}]}]}'),
    'malformed: resourceMetrics.scopeMetrics.metrics.name is not a text',
  )
  t.equal(why('{"resourceMetrics":{}}'), 'malformed: resourceMetrics is not a list')
  t.equal(why('[1]'), 'malformed: it is not an object')
  t.equal(why('{"resourceMetrics":['), 'malformed: not JSON')
  t.equal(why('['.repeat(1e6)), 'limit: JSON nested more than 32 deep')
  t.equal(why(`{"a":[${'{},'.repeat(600_000)}{}]}`), 'limit: more values than a request may have')
  const point = (more: string) => why(`{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"sum":{${more}}}]}]}]}`)
  t.match(point('"aggregationTemporality":"AGGREGATION_TEMPORALITY_DELTA"'), /aggregationTemporality is not a whole number/)
  t.match(point('"dataPoints":[{"timeUnixNano":"18446744073709551616"}]'), /timeUnixNano is out of range/)
  t.match(point('"dataPoints":[{"timeUnixNano":1.5}]'), /timeUnixNano is not a whole number/)
  t.match(point('"dataPoints":[{"asDouble":"NaN"}]'), /taken/)
  fc.assert(
    fc.property(fc.json(), text => void why(text)),
    { numRuns: 500 },
  )
})
