/** What a receiver of OTLP/HTTP answers (opentelemetry-proto, docs/specification.md, "OTLP/HTTP Response"), as plain data and as the body of a response. */
import { varintType, WireWriter } from './protobuf.ts'

/** `error.status` is the status of HTTP. Only 429 and 503 are worth another try, after `retryAfterS` seconds. */
export type OtlpAnswer =
  | { readonly kind: 'taken'; readonly rejected: number; readonly message: string }
  | {
      readonly kind: 'error'
      readonly status: 400 | 401 | 403 | 413 | 415 | 429 | 503
      readonly message: string
      readonly retryAfterS?: number
    }
export type OtlpSignal = 'metrics' | 'logs'
export type OtlpEncoding = 'protobuf' | 'json'

export const contentTypes = { protobuf: 'application/x-protobuf', json: 'application/json' } as const

/** google.rpc.Code of an HTTP status (googleapis, google/rpc/code.proto). */
const rpcCodes = { 400: 3, 401: 16, 403: 7, 413: 3, 415: 3, 429: 8, 503: 14 } as const

/**
 * Export{Metrics,Logs}ServiceResponse `{ 1: { 1: int64 rejected, 2: string error_message } }`, without its field where everything was taken and nothing is
 * to be said; google.rpc.Status `{ 1: int32 code, 2: string message }` for an error.
 */
export const encodeAnswer = (answer: OtlpAnswer, signal: OtlpSignal, encoding: OtlpEncoding): Buffer => {
  if (answer.kind === 'error') {
    const code = rpcCodes[answer.status]
    return encoding === 'json' ? Buffer.from(JSON.stringify({ code, message: answer.message })) : pair(code, answer.message)
  }
  const { rejected, message } = answer
  const isWhole = rejected === 0 && message === ''
  if (encoding === 'json') {
    const count = { [signal === 'metrics' ? 'rejectedDataPoints' : 'rejectedLogRecords']: String(rejected) }
    return Buffer.from(JSON.stringify(isWhole ? {} : { partialSuccess: { ...count, errorMessage: message } }))
  }
  const out = new WireWriter()
  if (!isWhole) out.delimited(1, pair(rejected, message))
  return out.bytes
}

const pair = (count: number, message: string): Buffer => {
  const out = new WireWriter()
  if (count !== 0) {
    out.tag(1, varintType)
    out.varint(count)
  }
  if (message !== '') out.delimited(2, Buffer.from(message))
  return out.bytes
}
