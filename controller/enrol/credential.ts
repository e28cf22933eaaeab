/** What an agent holds once it has enrolled: a signed token for an hour, bound to its id. */
import { createHash } from 'node:crypto'
import { errors, jwtVerify, SignJWT } from 'jose'
import { Secret } from '../../wire/secret.ts'
import { type Refusal, refuse } from './refusal.ts'
import { type Signer, signingAlgorithm } from './signer.ts'

export const credentialTtlMs = 3_600_000
/**
 * How long after its end a credential is still good for a fresh one, and for nothing else: an agent whose only proof was a join token comes back after a
 * weekend without anybody's help. Unless it was banned, or another has enrolled as it.
 */
export const renewGraceMs = 7 * 86_400_000
/** Both the issuer and the audience: it is good for the controller that signed it and nowhere else. */
const self = 'causeway-controller'
/** Keeps other tokens of the same key from being taken for one (RFC 8725 §3.11). */
const type = 'causeway-agent+jwt'

export type Credential = { token: Secret; thumbprint: string; agentId: string; issuedMs: number; expiresMs: number }
export type Caller = { ok: true; agentId: string; thumbprint: string; expiresMs: number }

/** SHA-256 of the text, in hex: what the store keeps of it. */
const thumbprintOf = (text: string): string => createHash('sha256').update(text).digest('hex')

type Issue = { agentId: string; random: (bytes: number) => Uint8Array; nowMs: number }

export const issueCredential = async (signer: Signer, { agentId, random, nowMs }: Issue): Promise<Credential> => {
  // JWT dates are seconds (RFC 7519 §2).
  const issuedSeconds = Math.floor(nowMs / 1000)
  const expiresSeconds = issuedSeconds + credentialTtlMs / 1000
  const text = await new SignJWT({})
    .setProtectedHeader({ alg: signingAlgorithm, kid: signer.keyId, typ: type })
    .setIssuer(self)
    .setAudience(self)
    .setSubject(agentId)
    .setJti(Buffer.from(random(16)).toString('base64url'))
    .setIssuedAt(issuedSeconds)
    .setExpirationTime(expiresSeconds)
    .sign(signer.key)
  return {
    token: new Secret(text),
    thumbprint: thumbprintOf(text),
    agentId,
    issuedMs: issuedSeconds * 1000,
    expiresMs: expiresSeconds * 1000,
  }
}

/** By its signature and dates alone: whether the store still has it is asked by `checkCaller`. */
export const verifyCredential = async (token: Secret, signer: Signer, nowMs: number, graceMs = 0): Promise<Caller | Refusal> => {
  try {
    const text = token.reveal()
    if (text.length > 4096) return refuse('proof_malformed', 'too long for a credential of this controller')
    const keyOf = ({ kid }: { kid?: string }) => {
      const key = signer.verify.get(kid ?? '')
      if (!key) throw new errors.JWKSNoMatchingKey()
      return key
    }
    const { payload } = await jwtVerify(text, keyOf, {
      algorithms: [signingAlgorithm],
      issuer: self,
      audience: self,
      typ: type,
      requiredClaims: ['sub', 'exp'],
      currentDate: new Date(nowMs),
      clockTolerance: graceMs / 1000,
    })
    return { ok: true, agentId: payload.sub!, thumbprint: thumbprintOf(text), expiresMs: payload.exp! * 1000 }
  } catch (error) {
    if (error instanceof errors.JWTExpired) return refuse('expired', 'the credential has ended: enrol again')
    if (error instanceof errors.JWSSignatureVerificationFailed || error instanceof errors.JWKSNoMatchingKey)
      return refuse('signature_invalid', 'the credential is not signed by this controller')
    return refuse('proof_malformed', 'not a credential of this controller')
  }
}
