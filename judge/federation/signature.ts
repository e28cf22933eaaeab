/** A JWS signature against a published key (RFC 7515 §5.2, RFC 7518 §3): OpenSSL through node:crypto, at a third of what WebCrypto takes of the CPU. Pure. */
import { constants, createPublicKey, type JsonWebKeyInput, type KeyObject, type VerifyKeyObjectInput, verify } from 'node:crypto'
import type { JsonObject } from '../spiffe/json.ts'

/** The one curve of each algorithm (RFC 7518 §3.4), as OpenSSL names it. */
const curves: Record<string, string> = { ES256: 'prime256v1', ES384: 'secp384r1', ES512: 'secp521r1' }
/** RFC 7518 §3.3 and §3.5: a key of this size or larger must be used. */
const leastModulusBits = 2048

/** How a key is used for an algorithm; undefined when it is not one for it. */
const usageOf = (alg: string, key: KeyObject): VerifyKeyObjectInput | undefined => {
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {}
  const isRsa = key.asymmetricKeyType === 'rsa' && modulusLength >= leastModulusBits
  if (/^RS(256|384|512)$/.test(alg)) return isRsa ? { key, padding: constants.RSA_PKCS1_PADDING } : undefined
  if (/^PS(256|384|512)$/.test(alg))
    return isRsa ? { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST } : undefined
  return namedCurve !== undefined && namedCurve === curves[alg] ? { key, dsaEncoding: 'ieee-p1363' } : undefined
}

/**
 * Whether the key made the signature of a compact JWS. `use`, `key_ops` and the key's own `alg` are not asked: a key of that name is what the issuer
 * means. A key that can't be read has signed nothing.
 */
export const isSignedBy = (text: string, jwk: JsonObject, alg: string): boolean => {
  const dot = text.lastIndexOf('.')
  try {
    const { kty, n, e, crv, x, y } = jwk
    const key = createPublicKey({ key: { kty, n, e, crv, x, y }, format: 'jwk' } as JsonWebKeyInput)
    const usage = usageOf(alg, key)
    const signature = Buffer.from(text.slice(dot + 1), 'base64url')
    return usage !== undefined && verify(`sha${alg.slice(2)}`, Buffer.from(text.slice(0, dot)), usage, signature)
  } catch {
    return false
  }
}
