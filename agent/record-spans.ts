import { type ByteReader, type ByteWriter, Malformed } from '../wire/bytes.ts'
import type { RunSpan } from './record.ts'
import { parseAttributes } from './record-events.ts'
import { readLabels, writeLabels } from './record-labels.ts'

const maxSpans = 100_000

export const writeSpans = (out: ByteWriter, spans: readonly RunSpan[]): void => {
  out.uint(spans.length)
  for (const { traceId, spanId, name, startMs, endMs, error, labels, attributes } of spans) {
    for (const text of [traceId, spanId, name, error]) out.text(text)
    out.double(startMs)
    out.double(endMs)
    writeLabels(out, labels)
    out.text(JSON.stringify(attributes))
  }
}

export const readSpans = (bytes: ByteReader): RunSpan[] =>
  Array.from({ length: bytes.count('spans', maxSpans) }, () => {
    const [traceId, spanId, name] = [needId(bytes, 32), needId(bytes, 16), bytes.needText()]
    const error = bytes.text()
    const [startMs, endMs] = [bytes.double(), bytes.double()]
    if (!Number.isFinite(startMs) || !Number.isFinite(endMs)) throw new Malformed('a span has no time')
    const labels = readLabels(bytes)
    const attributes = parseAttributes(bytes.needText(), 'a span')
    return { traceId, spanId, name, startMs, endMs, ...(error !== undefined && { error }), labels, attributes }
  })

const needId = (bytes: ByteReader, digits: number): string => {
  const id = bytes.needText()
  if (id.length !== digits || /[^0-9a-f]/.test(id)) throw new Malformed('a span has an id that is none')
  return id
}
