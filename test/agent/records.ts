import fc from 'fast-check'
import type { Labels } from '../../agent/metrics.ts'
import type { AgentEvent, EventsRecord, RunSpan, SpansRecord, WindowRecord } from '../../agent/record.ts'
import { timesOf } from '../../agent/samples.ts'
import type { Point } from '../../agent/table.ts'
import { histogramOf } from '../../wire/histogram.ts'
import { pathMeasures, selfMeasures } from '../../wire/metrics.ts'

const count = fc.nat({ max: 2 ** 40 })
/** Whole nanoseconds, as records keep them. */
const seconds = fc.oneof(fc.nat({ max: 60e9 }), fc.constant(0)).map(ns => ns / 1e9)
const times = fc.array(seconds, { minLength: 1, maxLength: 20 }).map(values => timesOf(histogramOf(values.toSorted((a, b) => a - b))))
const word = fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' })

const pointsOf = (measures: Record<string, { form: 'sum' | 'gauge' | 'times'; by: readonly string[] }>): fc.Arbitrary<Point[]> => {
  const point = fc.constantFrom(...Object.entries(measures)).chain(([key, { form, by }]) =>
    fc
      .record({
        variant: fc.array(word, { maxLength: by.length }),
        value: form === 'times' ? times : form === 'sum' ? count : fc.double({ noNaN: true, noDefaultInfinity: true }),
      })
      .map(({ variant, value }): Point => ({ series: { key, form, variant }, value })),
  )
  return fc.uniqueArray(point, { maxLength: 12, selector: ({ series }) => JSON.stringify(series) })
}

const place = fc.record({ cloud: word, region: word, zone: word }, { requiredKeys: ['cloud', 'region'] })
const labels: fc.Arbitrary<Labels> = fc.record(
  {
    check: word,
    kind: fc.constantFrom('icmp', 'tcp'),
    target: word,
    host: word,
    port: fc.integer({ min: 1, max: 65_535 }),
    family: fc.constantFrom(4 as const, 6 as const),
    destination: place,
  },
  { requiredKeys: ['check', 'kind', 'target', 'host'] },
)
const epochMs = fc.integer({ min: 0, max: 2 ** 42 })

export const windowRecord: fc.Arbitrary<WindowRecord> = fc
  .record({
    startMs: epochMs,
    lengthMs: fc.integer({ min: 1, max: 60_000 }),
    group: fc.nat({ max: 50 }),
    source: fc.option(place, { nil: undefined }),
    self: pointsOf(selfMeasures),
    paths: fc.uniqueArray(fc.record({ labels, points: pointsOf(pathMeasures) }), {
      maxLength: 5,
      selector: path => JSON.stringify(path.labels),
    }),
  })
  .map(({ startMs, lengthMs, ...rest }) => ({ type: 'window', startMs, endMs: startMs + lengthMs, ...rest }))

const attribute = fc.oneof(word, fc.integer(), fc.boolean(), fc.array(word, { maxLength: 3 }))
const event: fc.Arbitrary<AgentEvent> = fc.record(
  {
    atMs: epochMs,
    name: word,
    severity: fc.constantFrom('info', 'warn', 'error'),
    body: fc.string(),
    labels,
    attributes: fc.dictionary(fc.stringMatching(/^[a-z.]{1,20}$/), attribute, { maxKeys: 5, noNullPrototype: true }),
  },
  { requiredKeys: ['atMs', 'name', 'severity', 'body', 'attributes'] },
)
export const eventsRecord: fc.Arbitrary<EventsRecord> = fc.record({
  type: fc.constant('events' as const),
  source: fc.option(place, { nil: undefined }),
  events: fc.array(event, { maxLength: 5 }),
})

const hex = (digits: number): fc.Arbitrary<string> =>
  fc.string({ minLength: digits, maxLength: digits, unit: fc.constantFrom(...'0123456789abcdef') })
const timeMs = fc.double({ min: 0, max: 2 ** 42, noNaN: true })
const span: fc.Arbitrary<RunSpan> = fc.record(
  {
    traceId: hex(32),
    spanId: hex(16),
    name: word,
    startMs: timeMs,
    endMs: timeMs,
    error: word,
    labels,
    attributes: fc.dictionary(fc.stringMatching(/^[a-z.]{1,20}$/), attribute, { maxKeys: 5, noNullPrototype: true }),
  },
  { requiredKeys: ['traceId', 'spanId', 'name', 'startMs', 'endMs', 'labels', 'attributes'] },
)
export const spansRecord: fc.Arbitrary<SpansRecord> = fc.record({
  type: fc.constant('spans' as const),
  source: fc.option(place, { nil: undefined }),
  spans: fc.array(span, { maxLength: 5 }),
})

/** Sums are whole nanoseconds in a record; everything else is exact. */
export const plain = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (key, part: unknown) => {
      if (part instanceof Float64Array) return [...part]
      if (key === 'sum' && typeof part === 'number') return Math.round(part * 1e9)
      return key === 'quantiles' || key === 'min' || key === 'max' ? [part].flat().map(number => Math.round(Number(number) * 1e9)) : part
    }),
  )
