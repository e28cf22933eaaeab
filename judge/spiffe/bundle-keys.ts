/** The JWK set in a bundle (Trust_Domain_and_Bundle §4, X509-SVID §6, JWT-SVID §6), entry by entry. */
import { createPublicKey, type JsonWebKey } from 'node:crypto'
import type { Bundle, BundleForm, JwtAuthority, ReadBundle } from './bundle.ts'
import { type Certificate, distinct, fingerprint, readCertificate } from './certificate.ts'
import { isObject, type JsonObject, readJson } from './json.ts'
import { type Rule, type RuleViolation, violation } from './rules.ts'
import type { SpiffeWarning } from './warnings.ts'

/** A bundle is three deep; extensions may add to it. */
const maxDepth = 32
/** Members of a JWK that only its owner may hold (RFC 7518 §6.2.2, §6.3.2, §6.4.1). */
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']
const publicMembers = { EC: ['kty', 'crv', 'x', 'y'], RSA: ['kty', 'n', 'e'] } as const
/** Problems of one document that are told one by one. */
const mostTold = 20

type Found = { x509: Certificate[]; jwt: JwtAuthority[]; violations: RuleViolation[]; warnings: SpiffeWarning[] }

export const readJwks = (text: string, asked?: 'endpoint' | 'workload-api'): ReadBundle => {
  const refuse = (rule: Rule, detail: string): ReadBundle => ({ ok: false, violations: [violation(rule, detail)] })
  const read = readJson(text, maxDepth)
  if (!read.ok) return refuse(read.tooDeep ? 'bundle_too_deep' : 'bundle_not_json', read.problem)
  if (!isObject(read.value)) return refuse('bundle_not_an_object', 'not a JSON object, want one with "keys"')
  const document = read.value
  const { keys } = document
  const form = asked ?? guessForm(document)
  const entries = Array.isArray(keys)
    ? join(keys.map((entry, index) => readEntry(entry, `entry ${index + 1}`, form)))
    : fail('keys_missing', keys === undefined ? 'no member "keys"' : '"keys" is not an array')
  const assumed = 'no entry has a SPIFFE use: read as a JWK set of the Workload API, all of it JWT authorities'
  const numbers = readNumbers(document)
  const found = join([
    entries,
    form === 'endpoint' ? numbers.found : { ...numbers.found, warnings: [] },
    !asked && form === 'workload-api' ? warn('form_assumed', assumed) : nothing,
  ])
  const { sequence, refreshHintSeconds } = numbers
  const bundle: Bundle = { form, x509: distinct(found.x509), jwt: found.jwt, sequence, refreshHintSeconds }
  return { ok: true, bundle, violations: found.violations.slice(0, mostTold), warnings: shorten(found.warnings) }
}

/** The Workload API's JWK sets have neither SPIFFE uses nor SPIFFE members; a bundle endpoint's document has. */
const guessForm = (document: JsonObject): 'endpoint' | 'workload-api' => {
  const keys = Array.isArray(document.keys) ? document.keys.filter(isObject) : []
  const plain = keys.every(key => (key.use === undefined || key.use === 'sig') && key.x5c === undefined)
  return keys.length && plain && !Object.keys(document).some(name => name.startsWith('spiffe_')) ? 'workload-api' : 'endpoint'
}

const nothing: Found = { x509: [], jwt: [], violations: [], warnings: [] }
const fail = (rule: Rule, detail: string): Found => ({ ...nothing, violations: [violation(rule, detail)] })
const warn = (code: SpiffeWarning['code'], detail: string): Found => ({ ...nothing, warnings: [{ code, detail }] })
const join = (parts: readonly Found[]): Found => ({
  x509: parts.flatMap(one => one.x509),
  jwt: parts.flatMap(one => one.jwt),
  violations: parts.flatMap(one => one.violations),
  warnings: parts.flatMap(one => one.warnings),
})

const readEntry = (entry: unknown, where: string, form: BundleForm): Found => {
  if (!isObject(entry)) return fail('key_invalid', `${where} is not an object`)
  const secret = privateMembers.filter(name => entry[name] !== undefined)
  const exposed = `${where} holds a private key (${secret.join(', ')}): whoever reads the bundle can mint identities`
  return join([secret.length ? fail('private_key_in_bundle', exposed) : nothing, readKey(entry, where, form)])
}

/** What a consumer has to ignore is the entry and never the document. */
const readKey = (entry: JsonObject, where: string, form: BundleForm): Found => {
  const { kty } = entry
  const use = form === 'workload-api' ? 'jwt-svid' : entry.use
  if (use !== 'x509-svid' && use !== 'jwt-svid')
    return warn('entry_ignored', `${where}: ${use === undefined ? 'no use' : `unknown use ${sayValue(use)}`}`)
  if (kty !== 'EC' && kty !== 'RSA')
    return warn('entry_ignored', `${where}: ${kty === undefined ? 'no kty' : `unknown kty ${sayValue(kty)}`}`)
  return use === 'x509-svid' ? readX509Key(entry, kty, where) : readJwtKey(entry, kty, where, form)
}

const sayValue = (value: unknown): string => {
  const text = typeof value === 'string' ? JSON.stringify(value) : typeof value
  return text.length > 40 ? `${text.slice(0, 39)}…` : text
}

const readX509Key = (entry: JsonObject, kty: 'EC' | 'RSA', where: string): Found => {
  const { kid, x5c } = entry
  const remarks = [
    kid === undefined ? nothing : warn('kid_unexpected', `${where}: an X.509 authority with a key ID`),
    Array.isArray(x5c) && x5c.length > 1 ? warn('x5c_several', `${where}: ${x5c.length} certificates in x5c, the first is used`) : nothing,
  ]
  if (x5c === undefined || (Array.isArray(x5c) && !x5c.length))
    return join([...remarks, warn('entry_ignored', `${where}: an X.509 authority without x5c`)])
  const first: unknown = Array.isArray(x5c) ? x5c[0] : undefined
  if (typeof first !== 'string') return join([...remarks, fail('x5c_invalid', `${where} has an x5c that is no array of texts`)])
  const base64 = first.replaceAll(/\s+/g, '')
  const read = /^[A-Za-z0-9+/]+={0,2}$/.test(base64) ? readCertificate(Buffer.from(base64, 'base64')) : undefined
  if (!read?.ok) return join([...remarks, fail('x5c_invalid', `${where} has an x5c that is ${read?.problems[0] ?? 'not base64'}`)])
  // RFC 7517 §4.7: the certificate's key must be the one that the other members give. Some producers leave those out.
  const key = publicKeyOf(entry, kty)
  const differs = key && key.spki256 !== read.certificate.spki256
  const other = differs ? fail('key_differs_from_x5c', `${where} has another public key than its certificate`) : nothing
  return join([...remarks, { ...nothing, x509: [read.certificate] }, other])
}

const readJwtKey = (entry: JsonObject, kty: 'EC' | 'RSA', where: string, form: BundleForm): Found => {
  const { kid } = entry
  const key = publicKeyOf(entry, kty)
  const unusable = key ? nothing : fail('key_invalid', `${where} is not a usable ${kty} key`)
  if (typeof kid === 'string' && kid !== '') return join([unusable, { ...nothing, jwt: key ? [{ keyId: kid, keyType: kty, ...key }] : [] }])
  // JWT-SVID §6: kid MUST be set. In a bundle document peers differ on what follows; a bare set is of no use without.
  const missing =
    form === 'workload-api'
      ? fail('kid_missing', `${where} has no kid`)
      : warn('kid_missing', `${where}: a JWT authority without kid is not used`)
  return join([unusable, missing])
}

const publicKeyOf = (entry: JsonObject, kty: 'EC' | 'RSA'): { jwk: JsonWebKey; spki256: string } | undefined => {
  try {
    const jwk: JsonWebKey = Object.fromEntries(publicMembers[kty].map(name => [name, entry[name]]))
    const spki = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'der' })
    return { jwk, spki256: fingerprint(spki) }
  } catch {
    return undefined
  }
}

const readNumbers = (document: JsonObject): Pick<Bundle, 'sequence' | 'refreshHintSeconds'> & { found: Found } => {
  const { spiffe_sequence: sequence, spiffe_refresh_hint: hint } = document
  const exact = isCount(sequence) && BigInt(sequence) < 2n ** 64n ? BigInt(sequence) : null
  const seconds = isCount(hint) && typeof hint === 'number' ? hint : null
  const found = join([
    sequence === undefined ? warn('sequence_absent', 'no spiffe_sequence') : nothing,
    sequence !== undefined && exact === null
      ? fail('sequence_invalid', `spiffe_sequence is ${sayNumber(sequence)}, want an integer of at most 64 bits`)
      : nothing,
    hint === undefined ? warn('refresh_hint_absent', 'no spiffe_refresh_hint') : nothing,
    hint !== undefined && seconds === null
      ? fail('refresh_hint_invalid', `spiffe_refresh_hint is ${sayNumber(hint)}, want an integer of seconds`)
      : nothing,
  ])
  return { sequence: exact, refreshHintSeconds: seconds, found }
}

const isCount = (value: unknown): value is number | bigint =>
  typeof value === 'bigint' ? value >= 0n : Number.isSafeInteger(value) && (value as number) >= 0

const sayNumber = (value: unknown): string =>
  typeof value === 'number' || typeof value === 'bigint' ? String(value).slice(0, 40) : typeof value

/** A document of a thousand unknown keys is a few facts, not a thousand. */
const shorten = (warnings: readonly SpiffeWarning[]): SpiffeWarning[] => {
  const rest = warnings.length - mostTold
  return rest > 0
    ? [...warnings.slice(0, mostTold), { code: 'entry_ignored', detail: `and ${rest} more remarks on entries` }]
    : [...warnings]
}
