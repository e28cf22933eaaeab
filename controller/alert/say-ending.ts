/** A certificate that ends, in words: when, how much of what it may have is left, which one of the chain it is, and what renews it. Pure. */
import { fixCertificate, fixRotation } from '../../judge/diagnose/fix-renewal.ts'
import type { Cause, Fix } from '../../wire/causes.ts'
import { sayDuration, sayWhole } from '../../wire/say-duration.ts'
import type { LateCertificate } from './endings.ts'
import type { Expiry } from './expiry.ts'

/** What is known of the end of a path's certificate. */
export type Ending = Expiry & { readonly endsMs: number; readonly lifeMs: number; readonly certificate?: LateCertificate }

/** Less than this is counted in seconds. */
const secondsMs = 2 * 3_600_000
/** To the second where that matters. */
const sayTime = (atMs: number): string => `${new Date(atMs).toISOString().slice(0, 19).replace('T', ' ')} UTC`

const whoseOf = ({ certificate }: Ending): string => {
  if (!certificate || certificate.position === 1) return 'its certificate'
  return certificate.position === certificate.count && certificate.subject === certificate.issuer
    ? 'the root that it sends'
    : 'an intermediate certificate'
}

/** The limit that was passed, and not what is left of it: that is another with every turn, and nobody wants to be told each of them. */
const sayLimit = ({ rule, level, limitMs, lifeMs }: Ending): string => {
  if (level === 0) return ''
  const limit = rule === 'default/svid-rotation' ? `${Math.round((limitMs / lifeMs) * 100)} % of its life` : sayDuration(limitMs)
  return `, in less than ${limit}`
}

export const headlineOfEnding = (ending: Ending, nowMs: number): string => {
  const { endsMs } = ending
  if (endsMs <= nowMs) return `${whoseOf(ending)} ended at ${sayTime(endsMs)} and was not renewed`
  return `${whoseOf(ending)} ends at ${sayTime(endsMs)}${sayLimit(ending)}`
}

export const evidenceOfEnding = ({ certificate, endsMs, lifeMs }: Ending, nowMs: number): string[] => {
  const leftMs = endsMs - nowMs
  const left =
    leftMs > 0 ? `${leftMs < secondsMs ? `${Math.floor(leftMs / 1000)} s` : sayWhole(leftMs)} left` : `over for ${sayWhole(-leftMs)}`
  const which = certificate && `certificate ${certificate.position} of ${certificate.count} as sent`
  return [
    `${left} of a life of ${sayDuration(lifeMs)}, which is ${Math.max(0, Math.floor((leftMs / lifeMs) * 100))} %`,
    ...(which ? [`${which}: "${certificate.subject}", issued by "${certificate.issuer}", serial ${certificate.serial}`] : []),
  ]
}

/** Of one that lives long the end is no cause yet: the runbook says what it is. */
export const causeOfEnding = ({ rule, endsMs }: Ending, nowMs: number): Cause | undefined => {
  if (rule === 'default/svid-rotation') return 'certificate_rotation_stuck'
  return endsMs <= nowMs ? 'certificate_expired' : undefined
}

export const fixesOfEnding = ({ rule, certificate }: Ending): Fix[] =>
  rule === 'default/svid-rotation' ? fixRotation() : fixCertificate(certificate !== undefined && certificate.position > 1)
