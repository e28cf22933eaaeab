/** A signed token of an issuer that is trusted: the one door for projected tokens of clusters and for people's bearer tokens. */
import { errors, type JWTPayload, jwtVerify } from 'jose'
import { readToken } from '../../judge/spiffe/token.ts'
import type { Secret } from '../../wire/secret.ts'
import { quote } from '../../wire/values.ts'
import type { Issuer, IssuerKeys } from './issuer-keys.ts'
import { type Refusal, refuse } from './refusal.ts'

export type Verified = { ok: true; claims: JWTPayload & { sub: string; exp: number } }

/** Asymmetric ones (RFC 7518 §3.1): `none` and what is keyed with a shared secret are not among them. */
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512']
/** Projected tokens have 1 to 2 kB, those of people with many groups some more. */
const maxTokenBytes = 16 * 1024
/** Clocks of clusters and ours differ a little. */
const toleranceSeconds = 10

/** Whose token it says it is, which proves nothing: only for choosing by whose keys it is judged. */
export const issuerOf = (token: Secret): { ok: true; issuer: string; keyId: string } | Refusal => {
  const text = token.reveal()
  if (text.length > maxTokenBytes) return refuse('proof_malformed', `the token has ${text.length} bytes, want at most ${maxTokenBytes}`)
  const read = readToken(text)
  if (!read.ok) return refuse('proof_malformed', `the token ${read.problem}`)
  const { iss } = read.token.claims
  const { kid } = read.token.header
  if (typeof iss !== 'string') return refuse('proof_malformed', 'the token names no issuer')
  if (typeof kid !== 'string') return refuse('proof_malformed', 'the token names no key')
  return { ok: true, issuer: iss, keyId: kid }
}

export type TokenExpectation = { issuer: Issuer; audience: string; keys: IssuerKeys; nowMs: number }

export const verifyToken = async (token: Secret, { issuer, audience, keys, nowMs }: TokenExpectation): Promise<Verified | Refusal> => {
  const named = issuerOf(token)
  if (!named.ok) return named
  const found = await keys.find(issuer, named.keyId)
  if (!found.ok) return refuse(found.why === 'unreachable' ? 'issuer_unreachable' : 'key_unknown', found.detail)
  try {
    const { payload } = await jwtVerify(token.reveal().trim(), found.resolve, {
      issuer: issuer.issuer,
      audience,
      algorithms,
      requiredClaims: ['sub', 'exp'],
      currentDate: new Date(nowMs),
      clockTolerance: toleranceSeconds,
    })
    if (typeof payload.sub !== 'string' || payload.sub === '') return refuse('claims_missing', 'the token has no usable "sub"')
    return { ok: true, claims: payload as Verified['claims'] }
  } catch (error) {
    return refuseBy(error, audience)
  }
}

/** jose's own messages say enough, and nothing of the token; what is not jose's is not repeated. */
const refuseBy = (error: unknown, audience: string): Refusal => {
  if (error instanceof errors.JWTExpired) return refuse('expired', 'the token has expired')
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'aud') return refuse('audience_mismatch', `the token is for another audience, want ${quote(audience)}`)
    if (error.claim === 'nbf' || error.claim === 'iat') return refuse('not_yet_valid', 'the token is not valid yet')
    if (error.claim === 'iss') return refuse('issuer_unknown', 'the token is of another issuer')
    return refuse('claims_missing', `the token has no usable ${quote(error.claim)}`)
  }
  if (error instanceof errors.JWSSignatureVerificationFailed)
    return refuse('signature_invalid', 'the signature is not by the key that the token names')
  if (error instanceof errors.JOSEAlgNotAllowed) return refuse('signature_invalid', 'the algorithm is not one that is allowed')
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys)
    return refuse('key_unknown', 'the key that the token names is not one for its algorithm')
  return refuse('proof_malformed', 'the token cannot be verified')
}
