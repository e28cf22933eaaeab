/** What the endpoint refused of a request that it otherwise took: points of metrics, log records or spans. */
export type PartialSuccess = { rejected: number; message: string }

const nothing: PartialSuccess = { rejected: 0, message: '' }

/**
 * Reads Export{Metrics,Logs,Trace}ServiceResponse: each is `{ 1: { 1: int64 rejected, 2: string message } }`. An answer that can't be read was still a success:
 * nothing is rejected then.
 */
export const readPartialSuccess = (body: Buffer, contentType: string | undefined): PartialSuccess => {
  if (body.length === 0) return nothing
  try {
    return /json/i.test(contentType ?? '') ? fromJson(JSON.parse(body.toString())) : fromProtobuf(body)
  } catch {
    return nothing
  }
}

const fromJson = (answer: unknown): PartialSuccess => {
  const partial = (answer as { partialSuccess?: Record<string, unknown> } | null)?.partialSuccess ?? {}
  // 64-bit numbers are strings in protobuf's JSON; some write numbers.
  const rejected = Number(partial['rejectedDataPoints'] ?? partial['rejectedLogRecords'] ?? partial['rejectedSpans'] ?? 0)
  const message = partial['errorMessage']
  return { rejected: countOf(rejected), message: typeof message === 'string' ? cut(message) : '' }
}

const fromProtobuf = (body: Buffer): PartialSuccess => {
  const partial = readFields(body).get(1)
  if (!Buffer.isBuffer(partial)) return nothing
  const fields = readFields(partial)
  const [rejected, message] = [fields.get(1), fields.get(2)]
  return {
    rejected: typeof rejected === 'bigint' ? countOf(Number(BigInt.asIntN(64, rejected))) : 0,
    message: Buffer.isBuffer(message) ? cut(message.toString()) : '',
  }
}

/** The last value of each field. Throws for what is no protobuf message. */
const readFields = (bytes: Buffer): Map<number, bigint | Buffer> => {
  const fields = new Map<number, bigint | Buffer>()
  let at = 0
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++]
      if (byte === undefined) break
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    throw new RangeError('not a varint')
  }
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw new RangeError('cut short')
    at += length
    return bytes.subarray(at - length, at)
  }
  while (at < bytes.length) {
    const tag = Number(varint())
    const wire = tag & 7
    if (wire === 0) fields.set(tag >>> 3, varint())
    else if (wire === 2) fields.set(tag >>> 3, take(Number(varint())))
    else if (wire === 1 || wire === 5) take(wire === 1 ? 8 : 4)
    else throw new RangeError(`wire type ${wire}`)
  }
  return fields
}

const countOf = (value: number): number => (Number.isFinite(value) && value > 0 ? Math.floor(value) : 0)
/** An endpoint's words, short and on one line. */
const cut = (text: string): string => text.replace(/\p{Cc}+/gu, ' ').slice(0, 300)
