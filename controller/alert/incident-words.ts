/** Which words of an incident stay when another finding continues it, and which finding does not. Pure. */
import type { Cause } from '../../wire/causes.ts'
import type { Finding, Incident } from './incident.ts'

/** What fewer say than said the first is about the repair, unless it lasts. */
const lastsMs = 5 * 60_000

/** Told only by who has come through, whatever the reason: what kept packets away before is over there. */
const proofs: ReadonlySet<string> = new Set<Cause>([
  'wrong_identity_served',
  'certificate_expired',
  'certificate_name_mismatch',
  'certificate_untrusted',
  'certificate_rotation_stuck',
  'chain_incomplete',
  'clock_skew',
  'mtls_not_enforced',
  'federation_audience',
  'federation_subject',
  'http_wrong_answer',
])
const below: readonly (string | null)[] = ['reach', 'path', 'tcp', 'tls']

/** Another fault of paths that a lower one has left: they have the one in common, and not the other. */
export const isAnother = (incident: Incident, { cause, toldBy = 0, subjects }: Finding): boolean =>
  incident.state === 'open' &&
  incident.cause !== null &&
  below.includes(incident.layer) &&
  cause !== null &&
  proofs.has(cause) &&
  toldBy * 2 >= subjects.length

/** Where nobody says a cause, all of its subjects are what is known of it. */
export const tellersOf = ({ toldBy, subjects }: Finding): number => toldBy ?? subjects.length

/** What is said of a cause, all of it together: half of one and half of another is neither. */
const wordsOf = ({ cause, fixes, runbook, what, title, place, placeText, layer, direction, evidence, against, next }: Incident) => ({
  cause,
  fixes,
  runbook,
  what,
  title,
  placeText,
  layer,
  evidence,
  against,
  next,
  ...(place && { place }),
  ...(direction && { direction }),
})

/**
 * What of an incident's words stays. A cause that was known is not forgotten because an agent fell silent; and what the last of its subjects say while the others are well
 * again is about the repair, not about the fault: another cause, or another place when some are well again, has to be told by as many as told the first.
 */
export const keptOf = (incident: Incident, finding: Finding, nowMs: number): Partial<Incident> => {
  if (incident.state === 'open' && finding.isHealing) return wordsOf(incident)
  if (incident.cause === null) return {}
  const { weakerMs = nowMs, worst = { subjects: 0 } } = incident
  const isToldByFewer = tellersOf(finding) < (incident.causeBy ?? 0)
  // A fault that spreads is told as it spreads; one that is being repaired only looks like another.
  const isLess = finding.subjects.length < worst.subjects || (isToldByFewer && (finding.isPartlyWell || incident.weakerMs !== undefined))
  const isOther = (finding.cause !== incident.cause && isToldByFewer) || (finding.placeText !== incident.placeText && isLess)
  if (incident.state === 'open' && isOther && nowMs - weakerMs < lastsMs) return { ...wordsOf(incident), weakerMs }
  if (finding.cause !== null) return {}
  const { cause, fixes, runbook, what, title } = incident
  return { cause, fixes, runbook, what, title }
}
