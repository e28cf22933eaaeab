/** How near its end a certificate is, measured by its own life: an SVID of an hour and a root of ten years need different words. */
import { sayWhole } from '../../wire/say-duration.ts'
import type { Certificate } from './certificate.ts'
import { iso, type Role, roleOf, sayCertificate } from './path.ts'
import type { SpiffeWarning } from './warnings.ts'

export type Expiry = {
  /** Of the certificate that ends first. */
  notAfterMs: number
  secondsLeft: number
  /** Share of its life that is left, 1 to 0; below 0 once it has expired. */
  fractionLeft: number
  role: Role
  level: 'ok' | 'warn' | 'error' | 'critical'
  certificate: Certificate
}

const dayMs = 86_400_000
/** Longer lives are renewed by hand or by ACME clients, shorter ones by an identity plane that rotates at half of life. */
const longLifeMs = 30 * dayMs

/** Limits as time left. Long lives: 30, 14 and 7 days, and never more than a third, sixth and twelfth of life. Short lives: SPIRE and Istio rotate at 0.5. */
const limitsMs = (lifeMs: number): Record<'warn' | 'error' | 'critical', number> =>
  lifeMs > longLifeMs
    ? { warn: Math.min(30 * dayMs, lifeMs / 3), error: Math.min(14 * dayMs, lifeMs / 6), critical: Math.min(7 * dayMs, lifeMs / 12) }
    : { warn: 0.4 * lifeMs, error: 0.25 * lifeMs, critical: 0.1 * lifeMs }

const expiryOf = (certificate: Certificate, role: Role, nowMs: number): Expiry => {
  const lifeMs = Math.max(1, certificate.notAfterMs - certificate.notBeforeMs)
  const leftMs = certificate.notAfterMs - nowMs
  const limits = limitsMs(lifeMs)
  const level = (['critical', 'error', 'warn'] as const).find(one => leftMs < limits[one]) ?? 'ok'
  return {
    notAfterMs: certificate.notAfterMs,
    secondsLeft: Math.floor(leftMs / 1000),
    fractionLeft: leftMs / lifeMs,
    role,
    level,
    certificate,
  }
}

/** The certificate of a path, leaf first, that ends first. */
export const soonestExpiry = (path: readonly Certificate[], nowMs: number, endsInAuthority: boolean): Expiry =>
  path
    .map((one, index) => expiryOf(one, roleOf(index, path.length, endsInAuthority), nowMs))
    .reduce((soonest, one) => (one.notAfterMs < soonest.notAfterMs ? one : soonest))

/** A warning for each that is still valid and should have been renewed. */
export const expiryWarnings = (path: readonly Certificate[], nowMs: number, endsInAuthority: boolean): SpiffeWarning[] =>
  path.flatMap((one, index) => {
    const role = roleOf(index, path.length, endsInAuthority)
    if (role === 'authority') return authorityWarnings([one], nowMs)
    const expiry = expiryOf(one, role, nowMs)
    if (expiry.level === 'ok' || expiry.secondsLeft < 0 || nowMs < one.notBeforeMs) return []
    const who = role === 'leaf' ? 'the leaf' : `the intermediate ${sayCertificate(one)}`
    const short = one.notAfterMs - one.notBeforeMs <= longLifeMs
    const detail = `${who} ends at ${iso(one.notAfterMs)}, ${sayLeft(expiry)}`
    return [short ? { code: 'rotation_late', detail: `${detail}; rotation is due at half of life` } : { code: 'expiring', detail }]
  })

/** SPIRE prepares the next authority at half of life and uses it from the last sixth on: by then another must be there. */
export const authorityWarnings = (authorities: readonly Certificate[], nowMs: number): SpiffeWarning[] =>
  authorities
    .map(one => expiryOf(one, 'authority', nowMs))
    .filter(one => one.secondsLeft >= 0 && one.fractionLeft < 1 / 6)
    .map(one => ({
      code: 'authority_expiring',
      detail: `the authority ${sayCertificate(one.certificate)} ends at ${iso(one.notAfterMs)}, ${sayLeft(one)}`,
    }))

const sayLeft = ({ fractionLeft, secondsLeft }: Expiry): string =>
  `${sayWhole(1000 * secondsLeft)} and ${Math.floor(fractionLeft * 100)} % of its life left`
