import type { OtlpAnswer, OtlpEncoding, OtlpSignal } from '../../wire/otlp-answer.ts'
import { transcodeJson } from '../../wire/otlp-json.ts'
import type { ReadFault } from '../../wire/otlp-read.ts'
import { type BodyLimits, gunzip } from './gunzip.ts'
import type { BatchId } from './received.ts'

/** One request, after its sender was identified: `agent` comes from the credential, never from the request. */
export type Delivery = {
  readonly id: BatchId
  readonly signal: OtlpSignal
  readonly encoding: OtlpEncoding
  readonly isGzip: boolean
  readonly body: Uint8Array
  /** What `service.instance.id` must be where the request has one. */
  readonly instance?: string
}

export type Refusal = OtlpAnswer & { readonly kind: 'error' }
export const refuse = (status: Refusal['status'], message: string, retryAfterS?: number): Refusal => ({
  kind: 'error',
  status,
  message,
  ...(retryAfterS !== undefined && { retryAfterS }),
})

/** More than there should be is 413, all else that can't be read is 400: neither is sent again. */
export const refuseFault = ({ kind, detail }: ReadFault): Refusal => refuse(kind === 'limit' ? 413 : 400, detail)

/** Printable, so that every store takes it. */
const boot = /^[\x21-\x7e]{1,64}$/

/** The protobuf of a request, inflated. */
export const openDelivery = ({ id, signal, encoding, isGzip, body }: Delivery, limits: BodyLimits): Uint8Array | Refusal => {
  if (!boot.test(id.boot)) return refuse(400, `a boot of ${id.boot.length} characters, want 1 to 64 of printable ASCII`)
  if (!Number.isSafeInteger(id.sequence) || id.sequence < 0) return refuse(400, 'the sequence is not a whole number')
  if (body.length > limits.bytes) return refuse(413, `${body.length} bytes, want at most ${limits.bytes}`)
  const inflated = isGzip ? gunzip(body, limits) : { ok: true as const, bytes: body }
  if (!inflated.ok) return refuse(inflated.status, inflated.message)
  if (encoding === 'protobuf') return inflated.bytes
  const request = transcodeJson(inflated.bytes, signal === 'metrics' ? 'MetricsRequest' : 'LogsRequest')
  return request instanceof Uint8Array ? request : refuseFault(request)
}

export const isRefusal = (opened: object): opened is Refusal =>
  !(opened instanceof Uint8Array) && 'kind' in opened && opened.kind === 'error'
