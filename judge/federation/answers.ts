/** Answers of the token services, as far as a verdict needs them. What is no such answer is said to be none. Pure. */
import type { IncomingHttpHeaders } from 'node:http'
import { Secret } from '../../wire/secret.ts'
import { isObject, type JsonObject, readJsonObject } from '../spiffe/json.ts'

export type Answer = { status: number; headers: IncomingHttpHeaders; body: string }
/** A bearer, or what AWS requests are signed with. */
export type Credential =
  | { kind: 'bearer'; token: Secret; endsMs: number | null; federated: boolean }
  | { kind: 'aws'; accessKeyId: string; secretKey: Secret; sessionToken?: Secret; endsMs: number | null }
export type Identifiers = { requestId: string | null; correlationId?: string }
export type Read =
  | ({ kind: 'granted'; credential: Credential; identity: string | null } & Identifiers)
  | ({ kind: 'refused'; code: string | null; message: string | null } & Identifiers)
  /** Not in the form that this service answers in. */
  | ({ kind: 'unreadable'; detail: string } & Identifiers)

const maxDepth = 16
const field = (headers: IncomingHttpHeaders, name: string): string | null => {
  const value = headers[name]
  return typeof value === 'string' && /^[\w.:/=+-]{1,200}$/.test(value) ? value : null
}
const textOf = (object: JsonObject, name: string): string | undefined =>
  typeof object[name] === 'string' ? (object[name] as string) : undefined

const readObject = (body: string): JsonObject | undefined => readJsonObject(body, maxDepth)

const kindOf = ({ headers, body }: Answer): string =>
  /^\s*<(!doctype html|html)/i.test(body)
    ? 'HTML'
    : body === ''
      ? 'empty'
      : (field(headers, 'content-type')?.split(';')[0] ?? 'of no known type')

const unreadable = (answer: Answer, wanted: string, requestId: string | null): Read => ({
  kind: 'unreadable',
  detail: `HTTP ${answer.status} with an answer that is ${kindOf(answer)}, want ${wanted}: a proxy or another service answers`,
  requestId,
})

const entities: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }
const decode = (text: string): string =>
  text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(\w+));/gi, (whole, decimal?: string, hex?: string, name?: string) => {
    const point = decimal ? Number(decimal) : hex ? Number.parseInt(hex, 16) : undefined
    return point === undefined ? (entities[name!] ?? whole) : point <= 0x10ffff ? String.fromCodePoint(point) : whole
  })

/** The text of an element that has no others in it; AWS's answers need no more of XML. */
export const readTag = (body: string, tag: string): string | undefined => {
  const start = body.indexOf(`<${tag}>`)
  const end = start < 0 ? -1 : body.indexOf(`</${tag}>`, start)
  return end < 0 ? undefined : decode(body.slice(start + tag.length + 2, end).trim())
}

/** STS, AssumeRoleWithWebIdentity and GetCallerIdentity: XML. */
export const readAwsAnswer = (answer: Answer): Read => {
  const { status, headers, body } = answer
  const requestId = field(headers, 'x-amzn-requestid') ?? readTag(body, 'RequestId') ?? null
  const code = readTag(body, 'Code')
  if (status !== 200)
    return code === undefined
      ? notSaid(answer, 'an XML error', requestId)
      : { kind: 'refused', code, message: readTag(body, 'Message') ?? null, requestId }
  const [accessKeyId, secret, session, end] = ['AccessKeyId', 'SecretAccessKey', 'SessionToken', 'Expiration'].map(tag =>
    readTag(body, tag),
  )
  if (!accessKeyId || !secret || !session) return unreadable(answer, 'the XML of AssumeRoleWithWebIdentity', requestId)
  const endsMs = Date.parse(end ?? '')
  const credential: Credential = {
    kind: 'aws',
    accessKeyId,
    secretKey: new Secret(secret),
    sessionToken: new Secret(session),
    endsMs: Number.isNaN(endsMs) ? null : endsMs,
  }
  return { kind: 'granted', credential, identity: readTag(body, 'Arn') ?? null, requestId }
}

/** What breaks on the way says nothing in the service's own form, and its status is all there is. */
const notSaid = (answer: Answer, wanted: string, requestId: string | null): Read =>
  answer.status === 429 || answer.status >= 500
    ? { kind: 'refused', code: null, message: null, requestId }
    : unreadable(answer, wanted, requestId)

/** Who signed (STS GetCallerIdentity), for credentials that no exchange gave. */
export const readCallerIdentity = (answer: Answer, credential: Credential): Read => {
  const requestId = field(answer.headers, 'x-amzn-requestid') ?? readTag(answer.body, 'RequestId') ?? null
  const arn = readTag(answer.body, 'Arn')
  if (answer.status === 200 && arn) return { kind: 'granted', credential, identity: arn, requestId }
  const code = readTag(answer.body, 'Code')
  return code === undefined
    ? notSaid(answer, 'the XML of GetCallerIdentity', requestId)
    : { kind: 'refused', code, message: readTag(answer.body, 'Message') ?? null, requestId }
}

/** Entra: the first of `error_codes` is the code; `error` alone says too little. */
export const readEntraAnswer = (answer: Answer, nowMs: number): Read => {
  const { status, headers, body } = answer
  const object = readObject(body)
  const requestId = (object && textOf(object, 'trace_id')) ?? field(headers, 'x-ms-request-id')
  const correlationId = object && textOf(object, 'correlation_id')
  const ids = { requestId: requestId ?? null, ...(correlationId && { correlationId }) }
  const error = object && textOf(object, 'error')
  if (status !== 200) {
    if (!object || error === undefined) return { ...notSaid(answer, 'a JSON error', ids.requestId), ...ids }
    const codes = Array.isArray(object['error_codes']) ? object['error_codes'] : []
    const code = /^\d{4,8}$/.test(String(codes[0]))
      ? String(codes[0])
      : (/^AADSTS(\d{4,8})\b/.exec(textOf(object, 'error_description') ?? '')?.[1] ?? error)
    return { kind: 'refused', code, message: withoutIds(textOf(object, 'error_description')), ...ids }
  }
  const token = object && textOf(object, 'access_token')
  if (!object || !token) return unreadable(answer, 'JSON with an access_token', ids.requestId)
  return { kind: 'granted', credential: bearer(token, endOf(object['expires_in'], nowMs), false), identity: null, ...ids }
}

/** The identifiers at its end are kept by themselves. */
const withoutIds = (text: string | undefined): string | null => text?.split(/\s*Trace ID:/)[0] ?? null

const endOf = (seconds: unknown, nowMs: number): number | null => {
  const value = Number(seconds)
  return (typeof seconds === 'number' || typeof seconds === 'string') && Number.isFinite(value) ? nowMs + 1000 * value : null
}
const bearer = (token: string, endsMs: number | null, federated: boolean): Credential => ({
  kind: 'bearer',
  token: new Secret(token),
  endsMs,
  federated,
})

/** Google STS (RFC 8693 §2.2). */
export const readGoogleStsAnswer = (answer: Answer, nowMs: number): Read => {
  const object = readObject(answer.body)
  if (answer.status !== 200) {
    const code = object && textOf(object, 'error')
    return code === undefined
      ? readGoogleError(answer, object)
      : { kind: 'refused', code, message: textOf(object!, 'error_description') ?? null, requestId: null }
  }
  const token = object && textOf(object, 'access_token')
  if (!object || !token) return unreadable(answer, 'JSON with an access_token', null)
  return { kind: 'granted', credential: bearer(token, endOf(object['expires_in'], nowMs), true), identity: null, requestId: null }
}

/** IAM credentials, generateAccessToken. */
export const readImpersonationAnswer = (answer: Answer): Read => {
  const object = readObject(answer.body)
  if (answer.status !== 200) return readGoogleError(answer, object)
  const token = object && textOf(object, 'accessToken')
  if (!object || !token) return unreadable(answer, 'JSON with an accessToken', null)
  const endsMs = Date.parse(textOf(object, 'expireTime') ?? '')
  return { kind: 'granted', credential: bearer(token, Number.isNaN(endsMs) ? null : endsMs, false), identity: null, requestId: null }
}

/** google.rpc.Status in JSON; the reason of its ErrorInfo is the narrower code. */
const readGoogleError = (answer: Answer, object: JsonObject | undefined): Read => {
  const error = object?.['error']
  if (!isObject(error)) return notSaid(answer, 'a JSON error', null)
  const details = Array.isArray(error['details']) ? error['details'].filter(isObject) : []
  const reason = details.map(one => textOf(one, 'reason')).find(one => one !== undefined)
  return { kind: 'refused', code: reason ?? textOf(error, 'status') ?? null, message: textOf(error, 'message') ?? null, requestId: null }
}

/** Code and identifiers of a service's answer to the call: AWS and Azure say them in XML or in a header, Google in JSON. */
export const readCallAnswer = (answer: Answer): { code: string | null; message: string | null; requestId: string | null } => {
  const { headers, body } = answer
  const requestId =
    field(headers, 'x-amz-request-id') ??
    field(headers, 'x-amzn-requestid') ??
    field(headers, 'x-ms-request-id') ??
    field(headers, 'x-goog-request-id')
  const google = readGoogleError(answer, readObject(body))
  if (google.kind === 'refused' && google.code !== null) return { code: google.code, message: google.message, requestId }
  return { code: readTag(body, 'Code') ?? field(headers, 'x-ms-error-code'), message: readTag(body, 'Message') ?? null, requestId }
}
