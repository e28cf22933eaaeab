/** A token judged as a cloud judges it: by the documents that its issuer publishes, fetched for each, with the limits that clouds have. */
import { compactVerify, createLocalJWKSet, decodeJwt, decodeProtectedHeader, errors, type JSONWebKeySet } from 'jose'

export type Claims = { iss: string; sub: string; aud: string | string[]; exp: number; iat?: number } & Record<string, unknown>
export type Decoded = { alg: string; kid?: string; claims: Claims }
export type SignatureFault = 'unreachable' | 'no key' | 'bad signature'

/** AWS gives up after some five seconds. */
export const patienceMs = 5000

/** Undefined: not a token at all. */
export const decode = (text: string): Decoded | undefined => {
  try {
    const { alg = 'none', kid } = decodeProtectedHeader(text)
    return { alg, ...(kid !== undefined && { kid }), claims: decodeJwt(text) as Claims }
  } catch {
    return undefined
  }
}

export const audiencesOf = ({ aud }: Claims): string[] => [aud].flat().filter(one => typeof one === 'string')

const fetchJson = async (url: string): Promise<unknown> => {
  const answer = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(patienceMs) })
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`)
  return answer.json()
}

/** The key set that the issuer publishes; undefined when it can't be had. */
const fetchKeys = async (issuer: string): Promise<JSONWebKeySet | undefined> => {
  try {
    const document = (await fetchJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)) as {
      issuer?: string
      jwks_uri?: string
    }
    if (document.issuer !== issuer || !document.jwks_uri) return undefined
    return (await fetchJson(document.jwks_uri)) as JSONWebKeySet
  } catch {
    return undefined
  }
}

/** What is wrong with the signature; undefined when nothing is. `uploaded` spares the fetch. */
export const verifySignature = async (
  text: string,
  issuer: string,
  algorithms: string[],
  uploaded?: JSONWebKeySet,
): Promise<SignatureFault | undefined> => {
  const keys = uploaded ?? (await fetchKeys(issuer))
  if (!keys?.keys) return 'unreachable'
  try {
    await compactVerify(text, createLocalJWKSet(keys), { algorithms })
    return undefined
  } catch (error) {
    return error instanceof errors.JWKSNoMatchingKey ? 'no key' : 'bad signature'
  }
}
