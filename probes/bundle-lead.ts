import { iso } from '../judge/spiffe/path.ts'
import type { Warning } from '../wire/result.ts'

export type LeadFacts = {
  /** The X.509 authorities of the document. */
  authorities: readonly { id: string; name: string; notBeforeMs: number; notAfterMs: number }[]
  refreshHintSeconds: number | null
  /** The authority that signed the endpoint's own SVID, and when that SVID begins. */
  signer?: { id: string; sinceMs: number }
  /** When this process first saw an authority that was not there before. */
  firstSeenMs: ReadonlyMap<string, number | null>
  nowMs: number
}

/** SPIFFE_Federation §4.1: publish an authority three to five refresh hints before it signs, so that all who poll hold it by then. */
const hintsAhead = 3
/** SPIFFE_Federation §4.1: without a refresh hint, consumers poll every five minutes. */
const defaultHintSeconds = 300

const span = (ms: number): string => `${Math.max(0, Math.round(ms / 1000))} s`

/**
 * Whether the youngest authority was published long enough before it signs, or has to. An authority cannot have been published before it began,
 * so the document alone tells that of one that was made in haste; who watches knows it better. A first authority has nobody to overlap with.
 */
export const judgeLead = ({ authorities, refreshHintSeconds, signer, firstSeenMs, nowMs }: LeadFacts): Warning[] => {
  const [youngest, ...older] = authorities.toReversed().sort((a, b) => b.notBeforeMs - a.notBeforeMs)
  const others = older.filter(one => one.notAfterMs > nowMs)
  if (!youngest || others.length === 0) return []
  const publishedMs = firstSeenMs.get(youngest.id) ?? Math.min(youngest.notBeforeMs, nowMs)
  const wantMs = hintsAhead * (refreshHintSeconds ?? defaultHintSeconds) * 1000
  const signs = signer?.id === youngest.id
  const signsMs = signs ? Math.max(signer.sinceMs, publishedMs) : Math.max(...others.map(one => one.notAfterMs))
  const leadMs = signsMs - publishedMs
  if (leadMs >= wantMs) return []
  const how = signs ? `signs since ${iso(signsMs)}` : `has to sign from ${iso(signsMs)} on, when the last of the others ends`
  const detail = `the authority ${youngest.id.slice(0, 11)}… ("${youngest.name}") ${how}, and was published at most ${span(leadMs)} before, want ${span(wantMs)}, three refresh hints: peers may not hold it yet`
  return [{ code: 'authority_published_late', detail }]
}
