import { type HrTime, SpanKind, SpanStatusCode, TraceFlags } from '@opentelemetry/api'
import { JsonTraceSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer'
import { pathAttributes } from './metrics.ts'
import type { Encoded, Encoding, OtlpResource } from './otlp.ts'
import type { RunSpan, SpansRecord } from './record.ts'

type ReadableSpan = Parameters<typeof ProtobufTraceSerializer.serializeRequest>[0][number]

/** Serializers group by the identity of this object. */
const instrumentationScope = { name: 'causeway' }

/** Runs of http checks as OTLP traces: each is the root of the trace that its service was told of by `traceparent`. */
export const encodeSpans = ({ spans, source }: SpansRecord, resource: OtlpResource, encoding: Encoding): Encoded => {
  const serializer = encoding === 'protobuf' ? ProtobufTraceSerializer : JsonTraceSerializer
  const toSpan = ({ traceId, spanId, name, startMs, endMs, error, labels, attributes }: RunSpan): ReadableSpan => {
    const context = { traceId, spanId, traceFlags: TraceFlags.SAMPLED }
    return {
      name,
      kind: SpanKind.CLIENT,
      spanContext: () => context,
      startTime: hrTime(startMs),
      endTime: hrTime(endMs),
      duration: hrTime(endMs - startMs),
      ended: true,
      status: error === undefined ? { code: SpanStatusCode.UNSET } : { code: SpanStatusCode.ERROR, message: error },
      attributes: { ...pathAttributes(labels, source), ...attributes } as ReadableSpan['attributes'],
      links: [],
      events: [],
      droppedAttributesCount: 0,
      droppedEventsCount: 0,
      droppedLinksCount: 0,
      resource,
      instrumentationScope,
    }
  }
  return { signal: 'traces', body: serializer.serializeRequest(spans.map(toSpan))!, points: spans.length }
}

/** Whole microseconds: a double has no more of today's time. */
const hrTime = (ms: number): HrTime => {
  const us = Math.round(ms * 1000)
  return [Math.floor(us / 1e6), (us % 1e6) * 1000]
}
