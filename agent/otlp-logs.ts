import { SeverityNumber, type SpanContext, TraceFlags } from '@opentelemetry/api'
import { JsonLogsSerializer, ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer'
import { toHrTime } from '../wire/hr-time.ts'
import { pathAttributes, sourceAttributes } from './metrics.ts'
import type { Encoded, Encoding, OtlpResource } from './otlp.ts'
import type { AgentEvent, EventsRecord } from './record.ts'

type LogRecord = Parameters<typeof ProtobufLogsSerializer.serializeRequest>[0][number]

/** Serializers group by the identity of this object. */
const instrumentationScope = { name: 'causeway' }
const severities = { info: SeverityNumber.INFO, warn: SeverityNumber.WARN, error: SeverityNumber.ERROR } as const

/** Events as OTLP logs: the sentence is the body, the evidence are attributes beside those of the path. */
export const encodeEvents = ({ events, source }: EventsRecord, resource: OtlpResource, encoding: Encoding): Encoded => {
  const serializer = encoding === 'protobuf' ? ProtobufLogsSerializer : JsonLogsSerializer
  const toLog = ({ atMs, name, severity, body, labels, attributes }: AgentEvent): LogRecord => {
    const hrTime = toHrTime(atMs)
    return {
      hrTime,
      hrTimeObserved: hrTime,
      severityNumber: severities[severity],
      severityText: severity.toUpperCase(),
      eventName: name,
      spanContext: spanOf(attributes),
      body,
      attributes: {
        ...(labels ? pathAttributes(labels, source) : sourceAttributes(source)),
        ...attributes,
      } as LogRecord['attributes'],
      droppedAttributesCount: 0,
      resource,
      instrumentationScope,
    }
  }
  return { signal: 'logs', body: serializer.serializeRequest(events.map(toLog))!, points: events.length }
}

/** The trace that an HTTP run was part of: a backend shows the service's own spans beside the log. */
const spanOf = (attributes: AgentEvent['attributes']): SpanContext | undefined => {
  const { 'causeway.measured.traceId': traceId, 'causeway.measured.spanId': spanId } = attributes
  return typeof traceId === 'string' && typeof spanId === 'string' ? { traceId, spanId, traceFlags: TraceFlags.SAMPLED } : undefined
}
