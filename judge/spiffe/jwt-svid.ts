/** JWT-SVIDs (JWT-SVID.md §2 to §4): header, claims, and the signature against the JWT authorities of the subject's own trust domain. */
import { compactVerify, errors } from 'jose'
import type { JwtAuthority } from './bundle.ts'
import { parseSpiffeId, type SpiffeId } from './id.ts'
import type { JsonObject } from './json.ts'
import { saySome } from './leaf.ts'
import type { Matcher } from './match.ts'
import { byPrecedence, type RuleViolation, violation } from './rules.ts'
import { judgeClaims, type Token, type TokenExpectation } from './token.ts'
import type { SpiffeWarning } from './warnings.ts'

/** JWT authorities by trust domain; never pooled. */
export type JwtBundles = ReadonlyMap<string, readonly JwtAuthority[]>

export type JwtExpectation = TokenExpectation & {
  /** Absent: the signature is not judged, and `verified` is null. */
  bundles?: JwtBundles
  expect?: Matcher
}

export type JwtJudgement = { id: SpiffeId | null; violations: RuleViolation[]; warnings: SpiffeWarning[]; verified: boolean | null }

/** JWT-SVID §2.2; `none` and the HMACs are not among them. With the key that each needs (RFC 7518 §3). */
const keyOfAlgorithm: Record<string, string> = {
  RS256: 'RSA',
  RS384: 'RSA',
  RS512: 'RSA',
  PS256: 'RSA',
  PS384: 'RSA',
  PS512: 'RSA',
  ES256: 'P-256',
  ES384: 'P-384',
  ES512: 'P-521',
}
const isAllowed = (alg: unknown): alg is string => typeof alg === 'string' && Object.hasOwn(keyOfAlgorithm, alg)

/** Every broken rule of the token, the one that decides first. */
export const judgeJwtSvid = async (token: Token, expected: JwtExpectation): Promise<JwtJudgement> => {
  const header = judgeHeader(token.header)
  const subject = judgeSubject(token.claims.sub)
  const claims = judgeClaims(token.claims, expected)
  const violations = [...header.violations, ...subject.violations, ...claims.violations]
  const signature = await judgeSignature(token, subject.id, expected.bundles)
  violations.push(...signature.violations)
  const mismatch = subject.id ? expected.expect?.(subject.id) : undefined
  if (mismatch !== undefined) violations.push(violation('id_mismatch', mismatch))
  return {
    id: subject.id,
    violations: byPrecedence(violations),
    warnings: [...header.warnings, ...subject.warnings, ...claims.warnings],
    verified: signature.verified,
  }
}

type Finding = { violations: RuleViolation[]; warnings: SpiffeWarning[] }

/** §2: alg, kid and typ, and nothing else. */
const judgeHeader = (header: JsonObject): Finding => {
  const violations: RuleViolation[] = []
  const { alg, kid, typ, ...others } = header
  if (!isAllowed(alg))
    violations.push(violation('algorithm_not_allowed', `alg is ${say(alg)}, want one of ${Object.keys(keyOfAlgorithm).join(', ')}`))
  if (typ !== undefined && typ !== 'JWT' && typ !== 'JOSE')
    violations.push(violation('type_not_allowed', `typ is ${say(typ)}, want JWT or JOSE`))
  if (kid !== undefined && typeof kid !== 'string') violations.push(violation('kid_invalid', 'kid is not a text'))
  const names = Object.keys(others)
  if (names.length) violations.push(violation('header_not_allowed', `the header has ${saySome(names)}, want alg, kid and typ only`))
  const warnings: SpiffeWarning[] =
    kid === undefined ? [{ code: 'kid_missing', detail: 'the header has no kid: go-spiffe rejects such a token' }] : []
  return { violations, warnings }
}

const say = (value: unknown): string => (typeof value === 'string' ? saySome([value]) : value === undefined ? 'missing' : typeof value)

const judgeSubject = (sub: unknown): Finding & { id: SpiffeId | null } => {
  const fail = (...violations: RuleViolation[]) => ({ id: null, violations, warnings: [] })
  if (sub === undefined) return fail(violation('no_spiffe_id', 'no sub, want a SPIFFE ID'))
  if (typeof sub !== 'string' || !/^spiffe:/i.test(sub)) return fail(violation('no_spiffe_id', `sub is ${say(sub)}, want a SPIFFE ID`))
  const parsed = parseSpiffeId(sub)
  if (!parsed.ok) return fail(...parsed.problems.map(problem => violation('invalid_spiffe_id', `sub ${say(sub)} ${problem}`)))
  return { id: parsed.id, violations: [], warnings: parsed.warnings }
}

type Signature = { verified: boolean | null; violations: RuleViolation[] }

const judgeSignature = async (token: Token, id: SpiffeId | null, bundles: JwtBundles | undefined): Promise<Signature> => {
  const fail = (rule: Parameters<typeof violation>[0], detail: string): Signature => ({
    verified: false,
    violations: [violation(rule, detail)],
  })
  const { alg, kid } = token.header
  if (!bundles || !id) return { verified: null, violations: [] }
  const authorities = bundles.get(id.trustDomain)
  if (!authorities) {
    const held = bundles.size ? `bundles seen are for ${saySome([...bundles.keys()])}` : 'none at all seen'
    return fail('unknown_trust_domain', `no bundle for the trust domain ${id.trustDomain}, ${held}`)
  }
  // What may not sign is not tried.
  if (!isAllowed(alg)) return { verified: false, violations: [] }
  const named = typeof kid === 'string' ? authorities.filter(one => one.keyId === kid) : authorities
  if (!named.length)
    return fail(
      'key_not_in_jwks',
      `${kid === undefined ? 'no key' : `key ID ${say(kid)}`} seen, the bundle of ${id.trustDomain} has ${sayKeys(authorities)}`,
    )
  const fitting = named.filter(one => (one.keyType === 'RSA' ? 'RSA' : one.jwk.crv) === keyOfAlgorithm[alg])
  if (!fitting.length)
    return fail('algorithm_not_of_key', `alg is ${alg}, and the key ${sayKeys(named)} is ${named[0]!.jwk.crv ?? named[0]!.keyType}`)
  const problems: string[] = []
  for (const one of fitting.slice(0, mostTried)) {
    const problem = await verifyWith(token.text, one, alg)
    if (!problem) return { verified: true, violations: [] }
    problems.push(problem)
  }
  return fail('signature_invalid', problems[0]!)
}

/** Without a kid every key may be the one; bundles have a handful. */
const mostTried = 100

const sayKeys = (authorities: readonly JwtAuthority[]): string =>
  authorities.length ? saySome(authorities.map(one => one.keyId)) : 'no JWT authority'

/** `use` is not among the members of the key, which jose would otherwise take for a reason not to use it. */
const verifyWith = async (text: string, { jwk, keyId }: JwtAuthority, alg: string): Promise<string | undefined> => {
  try {
    await compactVerify(text, { ...jwk, alg } as Parameters<typeof compactVerify>[1], { algorithms: [alg] })
    return undefined
  } catch (error) {
    if (error instanceof errors.JWSSignatureVerificationFailed) return `the signature is not by the key ${saySome([keyId])}`
    return `the signature cannot be verified with the key ${saySome([keyId])}`
  }
}
