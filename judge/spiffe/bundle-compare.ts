/** Two copies of one trust domain's bundle side by side: who lacks what. Both were read elsewhere; names and dates play no part. */
import type { Bundle } from './bundle.ts'
import { iso } from './path.ts'

export type AuthorityName = {
  kind: 'x509' | 'jwt'
  /** SHA-256 of the DER bytes of an X.509 authority, of the SPKI of a JWT authority; colon-separated hex. */
  fingerprint256: string
  spki256: string
  /** Subject or key ID. */
  name: string
  /** ISO 8601, UTC; X.509 only. */
  notBefore?: string
  notAfter?: string
}

export type BundleDifference = {
  same: AuthorityName[]
  onlyOurs: AuthorityName[]
  onlyTheirs: AuthorityName[]
  /** The same key in another certificate: paths still verify, both ways. */
  reissued: { ours: AuthorityName; theirs: AuthorityName }[]
}

export const listAuthorities = (bundle: Bundle): AuthorityName[] => [
  ...bundle.x509.map(
    (one): AuthorityName => ({
      kind: 'x509',
      fingerprint256: one.fingerprint256,
      spki256: one.spki256,
      name: one.subject,
      notBefore: iso(one.notBeforeMs),
      notAfter: iso(one.notAfterMs),
    }),
  ),
  ...bundle.jwt.map((one): AuthorityName => ({ kind: 'jwt', fingerprint256: one.spki256, spki256: one.spki256, name: one.keyId })),
]

/** A JWT authority is found by its key ID, so the same key under another ID is another authority. */
export const compareBundles = (ours: Bundle, theirs: Bundle): BundleDifference => {
  const keyOf = (one: AuthorityName) => (one.kind === 'jwt' ? `jwt ${one.fingerprint256} ${one.name}` : one.fingerprint256)
  const [left, right] = [listAuthorities(ours), listAuthorities(theirs)]
  const leftKeys = new Set(left.map(keyOf))
  const rightKeys = new Set(right.map(keyOf))
  const onlyOurs = left.filter(one => !rightKeys.has(keyOf(one)))
  const onlyTheirs = right.filter(one => !leftKeys.has(keyOf(one)))
  const reissued = onlyOurs.flatMap(one => {
    const twin =
      one.kind === 'x509' && onlyTheirs.find(other => other.kind === 'x509' && other.spki256 === one.spki256 && other.name === one.name)
    return twin ? [{ ours: one, theirs: twin }] : []
  })
  return {
    same: left.filter(one => rightKeys.has(keyOf(one))),
    onlyOurs: onlyOurs.filter(one => !reissued.some(pair => pair.ours === one)),
    onlyTheirs: onlyTheirs.filter(one => !reissued.some(pair => pair.theirs === one)),
    reissued,
  }
}
