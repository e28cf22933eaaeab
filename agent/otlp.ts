/** Records to OTLP. Loads OpenTelemetry, so it is to be imported when the first record is sent and not before. */
import { setImmediate } from 'node:timers/promises'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { encodeEvents } from './otlp-logs.ts'
import { encodeWindow } from './otlp-metrics.ts'
import { encodeSpans } from './otlp-spans.ts'
import { needRecord } from './record.ts'
import type { Signal } from './send/endpoint.ts'

export type Encoding = 'protobuf' | 'json'
/** A request of the service for its signal, not yet compressed. `points` counts data points, log records or spans. */
export type Encoded = { readonly signal: Signal; readonly body: Uint8Array; readonly points: number }

/** Says as what agent everything is sent. Build it once: the SDK recognises a resource by its identity. */
export const buildResource = resourceFromAttributes
export type OtlpResource = ReturnType<typeof resourceFromAttributes>

/** OTLP of one record: the body of one request. Rejects with `BadRecord` what is none. Other work gets its turn meanwhile. */
export const encodeRecord = async (payload: Uint8Array, resource: OtlpResource, encoding: Encoding): Promise<Encoded> => {
  const record = needRecord(payload)
  await setImmediate()
  if (record.type === 'window') return await encodeWindow(record, resource, encoding)
  return record.type === 'events' ? encodeEvents(record, resource, encoding) : encodeSpans(record, resource, encoding)
}
