import { createHash } from 'node:crypto'
import type { Violation, Warning } from '../wire/result.ts'

/** What a bundle endpoint published when it was last asked, and since when each authority has been seen. */
export type BundleRecord = {
  sequence: bigint | null
  digest: string
  /** When the content last changed, as far as it was watched. */
  changedMs: number
  /** Null for what was there at the first look. */
  firstSeenMs: ReadonlyMap<string, number | null>
}

export type PublishedBundle = {
  sequence: bigint | null
  text: string
  /** What the server says of it (Last-Modified, RFC 9110 §8.8.2); null when it says nothing. */
  modifiedMs: number | null
  authorities: readonly { id: string; notBeforeMs: number | null; notAfterMs: number | null }[]
}

/**
 * Holds what an endpoint publishes now against what it published before (Trust_Domain_and_Bundle §4.1.1): a sequence that goes back is a failure,
 * since consumers keep the higher one; a change without a new sequence is worth a word. An authority that has reached half of its life without
 * any change of the bundle, as far as it was watched or the server dates it, is not being rotated. Pure: the caller keeps the record.
 */
export const compareWithBefore = (
  before: BundleRecord | undefined,
  now: PublishedBundle,
  nowMs: number,
): { record: BundleRecord; violations: Violation[]; warnings: Warning[] } => {
  const digest = createHash('sha256').update(now.text).digest('hex')
  const changed = before?.digest !== digest
  const firstSeenMs = new Map(
    now.authorities.map(({ id }) => [id, before ? (before.firstSeenMs.has(id) ? before.firstSeenMs.get(id)! : nowMs) : null]),
  )
  const changedMs = before && changed ? nowMs : Math.min(before?.changedMs ?? nowMs, now.modifiedMs ?? nowMs)
  const record: BundleRecord = { sequence: now.sequence, digest, changedMs, firstSeenMs }
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
  const old = staleAuthority(now, changedMs, nowMs)
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
