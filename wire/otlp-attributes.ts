/** KeyValue and AnyValue of OTLP (opentelemetry-proto, common/v1/common.proto) as plain values. */
import { readText, textOf } from './otlp-read.ts'
import { OverLimit, WireReader } from './protobuf.ts'

export type AttributeValue = string | number | boolean | null | readonly AttributeValue[]

export type AttributeLimits = { readonly keyBytes: number; readonly valueBytes: number; readonly items: number; readonly depth: number }
/** Of a metric: what becomes a series is short, and plain. */
export const pointAttributeLimits: AttributeLimits = { keyBytes: 64, valueBytes: 256, items: 0, depth: 1 }

/** One KeyValue: its content is in `bytes` from `from` to before `to`. Throws what the readers of this directory throw. */
export const readKeyValue = (
  bytes: Uint8Array,
  from: number,
  to: number,
  limits: AttributeLimits,
): { key: string; value: AttributeValue } => {
  const wire = new WireReader(bytes)
  wire.at = from
  let key = ''
  let value: AttributeValue = null
  while (wire.at < to) {
    const tag = wire.tag()
    if (tag === 10) key = readText(wire, to, limits.keyBytes)
    else if (tag === 18) value = readAnyValue(wire, wire.enter(to), limits, 1, value)
    else wire.skip(tag)
  }
  wire.leave(to)
  return { key, value }
}

/** `before` is what another part of the same message said. */
export const readAnyValue = (
  wire: WireReader,
  end: number,
  limits: AttributeLimits,
  depth: number,
  before: AttributeValue = null,
): AttributeValue => {
  if (depth > limits.depth) throw new OverLimit(`a value nested more than ${limits.depth} deep`)
  let value = before
  while (wire.at < end) {
    const tag = wire.tag()
    if (tag === 10)
      value = readText(wire, end, limits.valueBytes) // string_value = 1
    else if (tag === 16)
      value = wire.uint64() !== 0 // bool_value = 2
    else if (tag === 24)
      value = readInt64(wire) // int_value = 3
    else if (tag === 33)
      value = wire.double() // double_value = 4
    else if (tag === 42)
      value = readArray(wire, wire.enter(end), limits, depth) // array_value = 5
    else if (tag === 50)
      value = readUnlisted(wire, wire.enter(end), limits) // kvlist_value = 6
    else if (tag === 58)
      value = readUnlisted(wire, wire.enter(end), limits) // bytes_value = 7
    else wire.skip(tag)
  }
  wire.leave(end)
  return value
}

/** Maps and bytes are in nothing that an agent sends: they are not taken apart. */
const readUnlisted = (wire: WireReader, end: number, { valueBytes }: AttributeLimits): null => {
  if (end - wire.at > valueBytes) throw new OverLimit(`a value of more than ${valueBytes} bytes`)
  wire.at = end
  return null
}

const readArray = (wire: WireReader, end: number, limits: AttributeLimits, depth: number): AttributeValue => {
  const values: AttributeValue[] = []
  while (wire.at < end) {
    const tag = wire.tag()
    if (tag !== 10) {
      wire.skip(tag)
      continue
    }
    if (values.length === limits.items) throw new OverLimit(`a list of more than ${limits.items} values`)
    values.push(readAnyValue(wire, wire.enter(end), limits, depth + 1))
  }
  wire.leave(end)
  return values
}

/** `int64`: two's complement in ten bytes where it is negative. */
const readInt64 = (wire: WireReader): number => {
  const start = wire.at
  const value = wire.uint64()
  if (value < 2 ** 63) return value
  let exact = 0n
  for (let at = start, shift = 0n; at < wire.at; at++, shift += 7n) exact |= BigInt(wire.bytes[at]! & 127) << shift
  return Number(BigInt.asIntN(64, exact))
}

/** The `service.instance.id` that a Resource (its content from `from` to before `to`) claims, if any. */
export const readInstanceId = (bytes: Uint8Array, from: number, to: number): string | undefined => {
  const wire = new WireReader(bytes)
  wire.at = from
  let found: string | undefined
  while (wire.at < to) {
    const tag = wire.tag()
    if (tag !== 10) {
      wire.skip(tag)
      continue
    }
    const end = wire.enter(to)
    if (textOf(bytes, wire.at, Math.min(end, wire.at + 64)).includes('service.instance.id')) {
      const { key, value } = readKeyValue(bytes, wire.at, end, pointAttributeLimits)
      if (key === 'service.instance.id') found = String(value)
    }
    wire.at = end
  }
  wire.leave(to)
  return found
}
