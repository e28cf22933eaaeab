/** Records to OTLP. Loads OpenTelemetry, so it is to be imported when the first record is sent and not before. */
import { setImmediate } from 'node:timers/promises'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { encodeEvents } from './otlp-logs.ts'
import { encodeWindow } from './otlp-metrics.ts'
import { needRecord } from './record.ts'

export type Encoding = 'protobuf' | 'json'
/** An ExportMetricsServiceRequest or ExportLogsServiceRequest, not yet compressed. `points` counts data points, or log records. */
export type Encoded = { readonly signal: 'metrics' | 'logs'; readonly body: Uint8Array; readonly points: number }

/** Says as what agent everything is sent. Build it once: the SDK recognises a resource by its identity. */
export const buildResource = resourceFromAttributes
export type OtlpResource = ReturnType<typeof resourceFromAttributes>

/** OTLP of one record: the body of one request. Rejects with `BadRecord` what is none. Other work gets its turn meanwhile. */
export const encodeRecord = async (payload: Uint8Array, resource: OtlpResource, encoding: Encoding): Promise<Encoded> => {
  const record = needRecord(payload)
  await setImmediate()
  return record.type === 'window' ? await encodeWindow(record, resource, encoding) : encodeEvents(record, resource, encoding)
}
