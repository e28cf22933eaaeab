/** Reads ExportLogsServiceRequest (opentelemetry-proto, collector/logs/v1 and logs/v1): the events of agents. */
import { type AttributeLimits, type AttributeValue, readAnyValue, readKeyValue } from './otlp-attributes.ts'
import { eachField, faultOf, type ReadFault, readText } from './otlp-read.ts'
import { OverLimit, WireReader } from './protobuf.ts'

export type LogEvent = {
  /** Unix time; that of the observation where the event itself has none. */
  readonly atMs: number
  readonly name: string
  /** SeverityNumber: 9 is INFO, 13 WARN, 17 ERROR. */
  readonly severity: number
  readonly body: AttributeValue
  readonly attributes: Readonly<Record<string, AttributeValue>>
}

/** What a request may hold. An agent sends a hundred events in one, with values of up to 4,096 characters. */
export type LogLimits = AttributeLimits & { readonly records: number; readonly attributes: number }
export const defaultLogLimits: LogLimits = { records: 10_000, attributes: 128, keyBytes: 128, valueBytes: 16_384, items: 256, depth: 4 }

/** Every log record, or what is wrong with the request. Never throws for what the bytes are. `onResource` has the content of each Resource before its records. */
export const readLogs = (
  bytes: Uint8Array,
  onResource: (bytes: Uint8Array, from: number, to: number) => void,
  limits = defaultLogLimits,
): { events: LogEvent[] } | ReadFault => {
  const wire = new WireReader(bytes)
  const events: LogEvent[] = []
  const readRecord = (end: number): void => {
    if (events.length === limits.records) throw new OverLimit(`more than ${limits.records} log records`)
    events.push(readLogRecord(wire, end, limits))
  }
  const fault = faultOf(() =>
    eachField(wire, bytes.length, 10, end => {
      const start = wire.at
      eachField(wire, end, 10, resourceEnd => {
        onResource(bytes, wire.at, resourceEnd)
        wire.at = resourceEnd
      })
      wire.at = start
      eachField(wire, end, 18, scopeEnd => eachField(wire, scopeEnd, 18, readRecord))
    }),
  )
  return fault ?? { events }
}

const readLogRecord = (wire: WireReader, end: number, limits: LogLimits): LogEvent => {
  let [atNs, observedNs, severity, name] = [0, 0, 0, '']
  let body: AttributeValue = null
  const attributes = new Map<string, AttributeValue>()
  while (wire.at < end) {
    const tag = wire.tag()
    if (tag === 9)
      atNs = wire.fixed64() // time_unix_nano = 1
    else if (tag === 89)
      observedNs = wire.fixed64() // observed_time_unix_nano = 11
    else if (tag === 16)
      severity = wire.uint32() | 0 // severity_number = 2
    else if (tag === 42)
      body = readAnyValue(wire, wire.enter(end), limits, 1, body) // body = 5
    else if (tag === 98)
      name = readText(wire, end, limits.keyBytes) // event_name = 12
    else if (tag === 50) {
      const to = wire.enter(end)
      if (attributes.size === limits.attributes) throw new OverLimit(`a log record with more than ${limits.attributes} attributes`)
      const { key, value } = readKeyValue(wire.bytes, wire.at, to, limits) // attributes = 6
      attributes.set(key, value)
      wire.at = to
    } else wire.skip(tag)
  }
  wire.leave(end)
  return { atMs: Math.floor((atNs || observedNs) / 1e6), name, severity, body, attributes: Object.fromEntries(attributes) }
}
