/** An issuer's documents and its signature, as a cloud checks them (OpenID Connect Discovery 1.0 §4; RFC 7517). No I/O. */
import { isObject, type JsonObject, readJsonObject } from '../spiffe/json.ts'
import { saySome } from '../spiffe/leaf.ts'
import type { Token } from '../spiffe/token.ts'
import { isSignedBy } from './signature.ts'
import type { Finding } from './token.ts'
import { isInside } from './urls.ts'

/** What was fetched, or why nothing was. */
export type Fetched = { status: number; contentType: string | null; location?: string; body: string; tooLarge: boolean }

/** Discovery documents and key sets have a few kB. */
export const maxDocumentBytes = 256 * 1024
const maxDepth = 16
/** A cluster has a handful of keys. */
const mostTried = 20

/** A terminating slash of the issuer is removed before the well-known path is added (OpenID Connect Discovery §4.1). Undefined: no cloud fetches such an issuer. */
export const discoveryUrl = (issuer: string): URL | undefined => {
  if (!URL.canParse(issuer)) return undefined
  const url = new URL(issuer)
  const isPlain = url.protocol === 'http:' && isInside(url.hostname)
  if ((url.protocol !== 'https:' && !isPlain) || url.search !== '' || url.hash !== '' || url.username !== '') return undefined
  return new URL(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)
}

const invalid = (detail: string): Finding => ({ reason: 'discovery_invalid', detail })

/** Where its keys are, or what is wrong with the document. */
export const judgeDiscovery = (issuer: string, url: URL, fetched: Fetched): { keys: URL } | Finding => {
  const read = readDocument('the discovery document', url, fetched)
  if ('reason' in read) return read
  const { issuer: named, jwks_uri: keys } = read.object
  if (named !== issuer) {
    const same = typeof named === 'string' && named.replace(/\/$/, '') === issuer.replace(/\/$/, '')
    const says = typeof named === 'string' ? saySome([named]) : 'no issuer'
    return invalid(
      `the discovery document at ${url.href} is of ${says}, the token of ${saySome([issuer])}${same ? ': they differ by the slash at the end' : ''}`,
    )
  }
  const target = typeof keys === 'string' && URL.canParse(keys) ? new URL(keys) : undefined
  if (!target) return invalid(`the discovery document at ${url.href} has no jwks_uri`)
  if (isInside(target.hostname) && !isInside(url.hostname))
    return invalid(`jwks_uri points to ${target.host}, which only this side can reach`)
  if (target.protocol !== 'https:' && !isInside(target.hostname))
    return invalid(`jwks_uri is ${target.protocol}//${target.host}, want https`)
  return { keys: target }
}

/** The keys of the set, or what is wrong with it. */
export const judgeKeySet = (url: URL, fetched: Fetched): { keys: JsonObject[] } | Finding => {
  const read = readDocument('the key set', url, fetched)
  if ('reason' in read) return read
  const { keys } = read.object
  return Array.isArray(keys) ? { keys: keys.filter(isObject) } : invalid(`the key set at ${url.href} has no keys`)
}

const readDocument = (
  what: string,
  url: URL,
  { status, contentType, location, body, tooLarge }: Fetched,
): { object: JsonObject } | Finding => {
  if (status >= 300 && status < 400)
    return invalid(
      `${what} at ${url.href} is redirected (HTTP ${status}${location === undefined ? '' : ` to ${saySome([location])}`}): clouds do not follow`,
    )
  if (status !== 200) return { reason: 'issuer_unreachable', detail: `HTTP ${status} from ${url.href}, want 200` }
  if (tooLarge) return invalid(`${what} at ${url.href} has more than ${maxDocumentBytes} bytes`)
  const object = readJsonObject(body, maxDepth)
  if (object) return { object }
  const html = /^\s*<(!doctype|html)/i.test(body) ? 'HTML: a login page or a proxy answers' : (contentType ?? 'no content type')
  return invalid(`${what} at ${url.href} is not JSON, it is ${html}`)
}

/** The key type of each algorithm (RFC 7518 §3.1). */
const keyTypeOf = (alg: string): 'RSA' | 'EC' => (alg.startsWith('ES') ? 'EC' : 'RSA')

/** What is wrong with the signature; undefined when one of the issuer's keys made it. */
export const judgeSignature = ({ header, text }: Token, keys: readonly JsonObject[]): Finding | undefined => {
  const { alg, kid } = header
  if (typeof alg !== 'string') return { reason: 'token_malformed', detail: 'alg is missing' }
  const held = keys.flatMap(key => (typeof key['kid'] === 'string' ? [key['kid']] : []))
  const named = typeof kid === 'string' ? keys.filter(key => key['kid'] === kid) : keys
  const fitting = named.filter(key => key['kty'] === keyTypeOf(alg)).slice(0, mostTried)
  if (fitting.length === 0) {
    const which = typeof kid === 'string' ? `key ${saySome([kid])}` : `a key for ${alg}`
    return { reason: 'key_not_in_jwks', detail: `${which} signed the token, the issuer publishes ${held.length ? saySome(held) : 'none'}` }
  }
  for (const key of fitting) if (isSignedBy(text, key, alg)) return undefined
  return {
    reason: 'signature_invalid',
    detail: `the signature is not by the issuer's key ${typeof kid === 'string' ? saySome([kid]) : ''}`.trimEnd(),
  }
}
