import type { Bundle } from '../judge/spiffe/bundle.ts'
import type { Certificate } from '../judge/spiffe/certificate.ts'
import { iso } from '../judge/spiffe/path.ts'
import type { Violation, Warning } from '../wire/result.ts'

/** Our own copy of a trust domain's X.509 authorities. The Workload API gives no sequence, a bundle document has one. */
export type HeldBundle = { authorities: readonly Certificate[]; sequence: bigint | null }

type Found = { violations: Violation[]; warnings: Warning[] }

/**
 * What an endpoint publishes beside the copy that is held here: whose is the older one, and what will not verify because of it. None of the published
 * authorities held is a failure; some missing is a warning, since the one that signs today may be among those held. An endpoint that lacks an
 * authority younger than all it has serves an old bundle: everybody who polls it will refuse what that authority signs.
 */
export const compareWithHeld = (published: Bundle, held: HeldBundle | undefined, trustDomain: string, nowMs: number): Found => {
  if (!held) return { violations: [], warnings: [] }
  const back = sayBack(published, held)
  const old = isNewer(published, held) ? undefined : sayStale(published, held, nowMs)
  const missing = judgeMissing(published, held, trustDomain)
  const violations: Violation[] = [
    ...(back ? [{ code: 'bundle_sequence_regressed' as const, detail: back }] : []),
    ...(old ? [{ code: 'bundle_stale' as const, detail: old }] : []),
  ]
  const behind: Warning[] =
    isNewer(published, held) && missing.warnings.length + missing.violations.length === 0
      ? [{ code: 'bundle_behind', detail: `${saySequences(published, held)}; every X.509 authority is held all the same` }]
      : []
  return { violations: [...violations, ...missing.violations], warnings: [...missing.warnings, ...behind] }
}

const isNewer = ({ sequence }: Bundle, held: HeldBundle): boolean => sequence !== null && held.sequence !== null && sequence > held.sequence

const saySequences = (published: Bundle, held: HeldBundle): string =>
  `the endpoint serves sequence ${published.sequence}, the copy held here has ${held.sequence}`

/** The sequence only ever grows (Trust_Domain_and_Bundle §4.1.1). */
const sayBack = (published: Bundle, held: HeldBundle): string | undefined =>
  published.sequence !== null && held.sequence !== null && published.sequence < held.sequence
    ? `${saySequences(published, held)}: the endpoint went back, and consumers keep the higher one`
    : undefined

const sayName = ({ fingerprint256, subject }: Certificate): string => `${fingerprint256.slice(0, 11)}… ("${subject}")`

/** Begun later than all that is published; of those begun in the same second, bundles name the later one last. */
const sayStale = ({ x509 }: Bundle, { authorities }: HeldBundle, nowMs: number): string | undefined => {
  const ids = new Set(x509.map(one => one.fingerprint256))
  const last = authorities.findLastIndex(one => ids.has(one.fingerprint256))
  const known = x509.every(one => authorities.some(other => other.fingerprint256 === one.fingerprint256))
  if (!known || last < 0) return undefined
  const youngestMs = Math.max(...x509.map(one => one.notBeforeMs))
  const newer = authorities.find(
    (one, index) =>
      !ids.has(one.fingerprint256) &&
      one.notAfterMs > nowMs &&
      (one.notBeforeMs > youngestMs || (one.notBeforeMs === youngestMs && index > last)),
  )
  if (!newer) return undefined
  return `the endpoint does not publish ${sayName(newer)}, valid from ${iso(newer.notBeforeMs)}, which is held here and is younger than all that it publishes: it serves an old bundle, or that authority was withdrawn since`
}

const judgeMissing = ({ x509, ...published }: Bundle, held: HeldBundle, trustDomain: string): Found => {
  const ids = new Set(held.authorities.map(one => one.fingerprint256))
  const missing = x509.filter(one => !ids.has(one.fingerprint256))
  if (missing.length === 0) return { violations: [], warnings: [] }
  const names = missing.map(one => `${sayName(one)}, valid from ${iso(one.notBeforeMs)}`).join('; ')
  const both = published.sequence !== null && held.sequence !== null ? `; ${saySequences({ x509, ...published }, held)}` : ''
  const detail = `of the ${x509.length} X.509 authorities that ${trustDomain} publishes, ${missing.length} are not held here: ${names}${both}`
  return missing.length === x509.length
    ? { violations: [{ code: 'bundle_behind', detail }], warnings: [] }
    : { violations: [], warnings: [{ code: 'authority_not_held', detail }] }
}
