/** How near its end a certificate is, measured by its own life. Pure. */

const dayMs = 86_400_000
/** Certificates that live shorter are renewed by machines: they are late by the share of life that is left, not by days. */
const shortLifeMs = 7 * dayMs
/** As people need them, and what of a life they may be at most. */
const steps = [
  { leftMs: 30 * dayMs, share: 1 / 3 },
  { leftMs: 14 * dayMs, share: 1 / 6 },
  { leftMs: 7 * dayMs, share: 1 / 12 },
] as const
/** SPIRE renews at half of the life: less than this is late, does not happen, and is about to break. */
const rotationShares = [0.4, 0.25, 0.1] as const

export type Expiry = {
  readonly rule: 'default/certificate-expiry' | 'default/svid-rotation'
  /** 0: nothing; 1, 2: a ticket; 3: a page. */
  readonly level: 0 | 1 | 2 | 3
  readonly leftMs: number
  /** The limit of the level, 0 where it is 0. */
  readonly limitMs: number
}

/** Undefined where the life is not known: 30 days of nobody knows how many say nothing. */
export const judgeExpiry = (notAfterS: number, lifetimeS: number, nowMs: number): Expiry | undefined => {
  if (notAfterS <= 0 || lifetimeS <= 0) return undefined
  const [leftMs, lifeMs] = [notAfterS * 1000 - nowMs, lifetimeS * 1000]
  const isShort = lifeMs <= shortLifeMs
  const limits = isShort ? rotationShares.map(share => share * lifeMs) : steps.map(one => Math.min(one.leftMs, one.share * lifeMs))
  const level = limits.filter(limitMs => leftMs < limitMs).length as Expiry['level']
  const limitMs = level === 0 ? 0 : limits[level - 1]!
  return { rule: isShort ? 'default/svid-rotation' : 'default/certificate-expiry', level, leftMs, limitMs }
}
