/** A JWT taken apart (RFC 7515 compact serialization, RFC 7519 claims): what any token has to be, whoever issued it. The text itself is never repeated. */
import { isObject, type JsonObject, readJson } from './json.ts'
import { saySome } from './leaf.ts'
import { iso } from './path.ts'
import { type RuleViolation, violation } from './rules.ts'
import type { SpiffeWarning } from './warnings.ts'

export type Token = { header: JsonObject; claims: JsonObject /** The compact text: a secret. */; text: string }
export type ReadToken = { ok: true; token: Token } | { ok: false; problem: string }

/** Projected tokens have one or two kB; no HTTP header takes this much. */
export const maxTokenBytes = 256 * 1024
const maxDepth = 32

export const readToken = (raw: string): ReadToken => {
  const text = raw.trim()
  const refuse = (problem: string): ReadToken => ({ ok: false, problem })
  if (text.length > maxTokenBytes) return refuse(`has ${text.length} bytes, want at most ${maxTokenBytes}`)
  if (text === '') return refuse('is empty')
  if (text.startsWith('{')) return refuse('is in JSON serialization, want the compact one')
  const parts = text.split('.')
  if (parts.length === 5) return refuse('has five parts: it is encrypted (JWE), want a signed token of three')
  if (parts.length !== 3) return refuse(`has ${parts.length} parts, want three with dots between`)
  const names = ['header', 'payload', 'signature'] as const
  for (const [index, name] of names.entries()) if (!isBase64url(parts[index]!)) return refuse(`has a ${name} that is not base64url`)
  const header = readPart(parts[0]!)
  const claims = readPart(parts[1]!)
  if (!header) return refuse('has a header that is no JSON object')
  if (!claims) return refuse('has a payload that is no JSON object')
  return { ok: true, token: { header, claims, text } }
}

/** An empty signature is well-formed: it is the algorithm that is refused. */
const isBase64url = (part: string): boolean => /^[A-Za-z0-9_-]*$/.test(part) && part.length % 4 !== 1

const readPart = (part: string): JsonObject | undefined => {
  try {
    const read = readJson(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(part, 'base64url')), maxDepth)
    return read.ok && isObject(read.value) ? read.value : undefined
  } catch {
    return undefined
  }
}

export type TokenExpectation = { nowMs: number; audience?: string }

/** Dates and audience, which every token has (RFC 7519 §4.1.3 to §4.1.6). No leeway: the caller knows how good its clock is. */
export const judgeClaims = (
  claims: JsonObject,
  { nowMs, audience }: TokenExpectation,
): { violations: RuleViolation[]; warnings: SpiffeWarning[] } => {
  const violations: RuleViolation[] = []
  const warnings: SpiffeWarning[] = []
  const dateOf = (name: 'exp' | 'nbf' | 'iat'): number | undefined => {
    const value = claims[name]
    if (value === undefined) return undefined
    const seconds = typeof value === 'bigint' ? Number(value) : value
    if (typeof seconds === 'number' && Number.isFinite(seconds)) return seconds * 1000
    violations.push(violation('claim_invalid', `${name} is not a number of seconds`))
    return undefined
  }
  const [exp, nbf, iat] = [dateOf('exp'), dateOf('nbf'), dateOf('iat')]
  if (claims.exp === undefined) violations.push(violation('expiry_missing', 'no exp: the token would be valid for ever'))
  if (exp !== undefined && nowMs >= exp) violations.push(violation('token_expired', `expired at ${iso(exp)}, now is ${iso(nowMs)}`))
  if (nbf !== undefined && nowMs < nbf) violations.push(violation('token_not_yet_valid', `valid from ${iso(nbf)}, now is ${iso(nowMs)}`))
  if (iat !== undefined && nowMs < iat)
    warnings.push({ code: 'clock_skew', detail: `issued at ${iso(iat)}, which is ahead of ${iso(nowMs)}` })
  violations.push(...judgeAudience(claims.aud, audience))
  return { violations, warnings }
}

export const audiencesOf = (aud: unknown): string[] | undefined => {
  const list = typeof aud === 'string' ? [aud] : aud
  return Array.isArray(list) && list.every(one => typeof one === 'string') ? list : undefined
}

const judgeAudience = (aud: unknown, wanted: string | undefined): RuleViolation[] => {
  const audiences = audiencesOf(aud)
  if (aud === undefined || audiences?.length === 0) return [violation('audience_missing', 'no aud: the token is for nobody')]
  if (!audiences) return [violation('claim_invalid', 'aud is neither a text nor a list of texts')]
  if (wanted === undefined || audiences.includes(wanted)) return []
  return [violation('audience_mismatch', `audience is ${saySome(audiences)}, want "${wanted}"`)]
}
