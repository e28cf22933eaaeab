/** Trust bundles: the document of a bundle endpoint, the JWK set of the Workload API, PEM and DER. Nothing here reads the clock but what is handed in. */
import type { JsonWebKey } from 'node:crypto'
import { readJwks } from './bundle-keys.ts'
import { type Certificate, canSign, distinct, readCertificate } from './certificate.ts'
import { splitDer } from './der.ts'
import { authorityWarnings } from './expiry.ts'
import { iso, sayCertificate } from './path.ts'
import { hasPrivateKey, readPem } from './pem.ts'
import { byPrecedence, type Rule, type RuleViolation, violation } from './rules.ts'
import type { SpiffeWarning } from './warnings.ts'

/** A key that signs JWT-SVIDs. Only its public members are kept. */
export type JwtAuthority = {
  keyId: string
  keyType: 'EC' | 'RSA'
  jwk: JsonWebKey /** SHA-256 of the SPKI, colon-separated hex. */
  spki256: string
}

/** `endpoint` is the document of Trust_Domain_and_Bundle §4; `workload-api` a JWK set of JWT authorities, without `use`. */
export type BundleForm = 'endpoint' | 'workload-api' | 'pem' | 'der'

export type Bundle = {
  form: BundleForm
  x509: Certificate[]
  jwt: JwtAuthority[]
  /** 64 bits: more than a JavaScript number holds. */
  sequence: bigint | null
  refreshHintSeconds: number | null
}

/** `ok: false` when there is nothing to judge; else the bundle as a consumer has to take it, and what is wrong with it all the same. */
export type ReadBundle =
  | { ok: true; bundle: Bundle; violations: RuleViolation[]; warnings: SpiffeWarning[] }
  | { ok: false; violations: RuleViolation[] }

/** A thousand authorities in two forms are half of that. */
export const maxBundleBytes = 4 * 1024 * 1024

const refuse = (rule: Rule, detail: string): ReadBundle => ({ ok: false, violations: [violation(rule, detail)] })

/** A document that has not said what it is: JSON, PEM or DER. `form` tells the two JSON forms apart; absent, the content does. */
export const readBundle = (bytes: Uint8Array, form?: 'endpoint' | 'workload-api'): ReadBundle => {
  const tooLarge = refuseSize(bytes)
  if (tooLarge) return tooLarge
  if (bytes[0] === 0x30) return readBundleDer(bytes)
  const text = decode(bytes)
  if (text === undefined) return refuse('bundle_not_json', 'not text in UTF-8')
  if (text.trim() === '') return refuse('bundle_not_json', 'the file is empty')
  return /-----BEGIN /.test(text) && !/^\s*[{[]/.test(text) ? readBundlePem(text) : readBundleJson(text, form)
}

const refuseSize = ({ length }: { length: number }): ReadBundle | undefined =>
  length > maxBundleBytes ? refuse('bundle_too_large', `the bundle has ${length} bytes, want at most ${maxBundleBytes}`) : undefined

const decode = (bytes: Uint8Array): string | undefined => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** What a bundle endpoint sends, or a JWK set of the Workload API. PEM here is a fault: a bundle endpoint serves JSON. */
export const readBundleJson = (text: string, form?: 'endpoint' | 'workload-api'): ReadBundle => {
  const tooLarge = refuseSize(text)
  if (tooLarge) return tooLarge
  if (/^\s*-----BEGIN /.test(text)) return refuse('bundle_not_json', 'PEM, want a JWK set in JSON')
  return readJwks(text, form)
}

export const readBundlePem = (text: string): ReadBundle => {
  const tooLarge = refuseSize(text)
  if (tooLarge) return tooLarge
  const pem = readPem(text)
  const certificates = pem.blocks.filter(one => one.label === 'CERTIFICATE')
  if (!certificates.length && !pem.blocks.length) return refuse('bundle_not_pem', pem.problems[0] ?? 'no BEGIN CERTIFICATE in it')
  const found: RuleViolation[] = pem.problems.map(problem => violation('bundle_not_pem', problem))
  if (hasPrivateKey(pem))
    found.push(violation('private_key_in_bundle', 'there is a private key in the bundle: whoever reads it can mint identities'))
  return collect(
    'pem',
    certificates.map(one => one.der),
    found,
  )
}

/** Concatenated certificates, as the Workload API sends them. */
export const readBundleDer = (bytes: Uint8Array): ReadBundle => {
  const tooLarge = refuseSize(bytes)
  if (tooLarge) return tooLarge
  const parts = splitDer(bytes)
  return parts ? collect('der', parts, []) : refuse('x5c_invalid', 'not whole DER certificates: truncated, or something stands behind them')
}

const collect = (form: BundleForm, ders: readonly Uint8Array[], found: RuleViolation[]): ReadBundle => {
  const x509: Certificate[] = []
  const violations = [...found]
  for (const [index, der] of ders.entries()) {
    const read = readCertificate(der)
    if (read.ok) x509.push(read.certificate)
    else violations.push(violation('x5c_invalid', `certificate ${index + 1} of ${ders.length}: ${read.problems[0]}`))
  }
  if (!x509.length && violations.some(one => one.rule === 'x5c_invalid')) return { ok: false, violations }
  return { ok: true, bundle: { form, x509: distinct(x509), jwt: [], sequence: null, refreshHintSeconds: null }, violations, warnings: [] }
}

/** What the content of a bundle means at a time. An empty bundle is valid: it revokes everything (Trust_Domain_and_Bundle §4.1.2). */
export const judgeBundle = (bundle: Bundle, nowMs: number): { violations: RuleViolation[]; warnings: SpiffeWarning[] } => {
  const warnings: SpiffeWarning[] = []
  if (!bundle.x509.length && !bundle.jwt.length)
    warnings.push({ code: 'bundle_empty', detail: 'no authority that can be used: everything of this trust domain is revoked' })
  else if (!bundle.x509.length && bundle.form === 'endpoint')
    warnings.push({
      code: 'no_x509_authority',
      detail: `${bundle.jwt.length} JWT authorities and no X.509 authority: no X509-SVID can be trusted`,
    })
  for (const one of bundle.x509.filter(one => !canSign(one)))
    warnings.push({
      code: 'authority_cannot_sign',
      detail: `${sayCertificate(one)} has no cA or no keyCertSign: nothing that it signs can be trusted`,
    })
  const violations = bundle.x509
    .filter(one => nowMs > one.notAfterMs)
    .map(one =>
      violation('bundle_authority_expired', `the authority ${sayCertificate(one)} expired at ${iso(one.notAfterMs)}, now is ${iso(nowMs)}`),
    )
  return { violations: byPrecedence(violations), warnings: [...warnings, ...authorityWarnings(bundle.x509, nowMs)] }
}
