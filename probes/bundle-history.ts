import { createHash } from 'node:crypto'
import type { Violation, Warning } from '../wire/result.ts'

/** What a bundle endpoint published when it was last asked, and since when each authority has been seen. */
export type BundleRecord = {
  sequence: bigint | null
  digest: string
  /** When the content last changed, as far as it was watched. */
  changedMs: number
  firstSeenMs: ReadonlyMap<string, number>
}

export type PublishedBundle = {
  sequence: bigint | null
  text: string
  authorities: readonly { id: string; notBeforeMs: number | null; notAfterMs: number | null }[]
}

/**
 * Holds what an endpoint publishes now against what it published before (Trust_Domain_and_Bundle §4.1.1): a sequence that goes back is a failure,
 * since consumers keep the higher one; a change without a new sequence is worth a word. An authority that has reached half of its life without
 * any change of the bundle is not being rotated. Pure: the caller keeps the record.
 */
export const compareWithBefore = (
  before: BundleRecord | undefined,
  now: PublishedBundle,
  nowMs: number,
): { record: BundleRecord; violations: Violation[]; warnings: Warning[] } => {
  const digest = createHash('sha256').update(now.text).digest('hex')
  const changed = before?.digest !== digest
  const firstSeenMs = new Map(now.authorities.map(({ id }) => [id, before?.firstSeenMs.get(id) ?? nowMs]))
  const record: BundleRecord = { sequence: now.sequence, digest, changedMs: changed ? nowMs : before.changedMs, firstSeenMs }
  const violations: Violation[] = []
  const warnings: Warning[] = []
  if (before && before.sequence !== null && now.sequence !== null) {
    if (now.sequence < before.sequence)
      violations.push({
        code: 'bundle_sequence_regressed',
        detail: `the sequence is ${now.sequence} and was ${before.sequence}: consumers keep the higher one`,
      })
    else if (changed && now.sequence === before.sequence)
      warnings.push({
        code: 'bundle_unchanged_sequence',
        detail: `the content changed and the sequence is still ${now.sequence}: consumers may not take the change`,
      })
  }
  const old = before && !changed ? staleAuthority(now, before.changedMs, nowMs) : undefined
  if (old) violations.push({ code: 'bundle_stale', detail: old })
  return { record, violations, warnings }
}

const staleAuthority = (now: PublishedBundle, changedMs: number, nowMs: number): string | undefined => {
  const youngest = now.authorities
    .filter(a => a.notAfterMs !== null && a.notBeforeMs !== null)
    .toSorted((a, b) => b.notAfterMs! - a.notAfterMs!)[0]
  if (!youngest) return undefined
  const halfMs = (youngest.notBeforeMs! + youngest.notAfterMs!) / 2
  if (nowMs < halfMs || changedMs > halfMs) return undefined
  return `nothing has changed since ${new Date(changedMs).toISOString()}, and the youngest authority passed half of its life at ${new Date(halfMs).toISOString()}`
}

/**
 * Which published authorities are not held here: what they sign will not verify. None held at all is a failure; some missing is a warning, since
 * the one that signs today may be among those held.
 */
export const compareWithHeld = (
  published: readonly { id: string; name: string }[],
  held: ReadonlySet<string> | undefined,
  trustDomain: string,
): { violations: Violation[]; warnings: Warning[] } => {
  if (!held || published.length === 0) return { violations: [], warnings: [] }
  const missing = published.filter(({ id }) => !held.has(id))
  if (missing.length === 0) return { violations: [], warnings: [] }
  const names = missing.map(({ id, name }) => `${id.slice(0, 11)}… ("${name}")`).join(', ')
  const detail = `of the ${published.length} X.509 authorities that ${trustDomain} publishes, ${missing.length} are not held here: ${names}`
  return missing.length === published.length
    ? { violations: [{ code: 'bundle_behind', detail }], warnings: [] }
    : { violations: [], warnings: [{ code: 'authority_not_held', detail }] }
}
