/** When a receiver that did not take a message is tried again. Pure. */

const firstMs = 1000
const mostMs = 300_000
/** No receiver can keep this controller silent for longer by asking for it. */
const mostAskedMs = 3_600_000

/**
 * In ms from now: 1 s, doubling up to 5 min, and of that at random the upper half, so that receivers that went together do not return together. Never before
 * what the receiver asked for. `failures` counts from 1; `random` is from 0 to below 1.
 */
export const nextTryMs = (failures: number, random: number, retryAfterMs = 0): number => {
  const bound = Math.min(mostMs, firstMs * 2 ** Math.min(failures - 1, 16))
  return Math.max(bound * (0.5 + random / 2), Math.min(retryAfterMs, mostAskedMs))
}

/** After so many failures in a row a receiver counts as down: it is tried with one message, and that is said once. */
export const downAfter = 5

/** The Retry-After header (RFC 9110 §10.2.3), seconds or a date, in ms from now; undefined when there is none that can be read. */
export const readRetryAfterMs = (text: string | undefined, unixNowMs: number): number | undefined => {
  if (text === undefined) return undefined
  const value = text.trim()
  // Date.parse takes much that is no date: an HTTP date begins with the day's name.
  const ms = /^\d{1,9}$/.test(value) ? Number(value) * 1000 : /^[A-Z][a-z]+,? /.test(value) ? Date.parse(value) - unixNowMs : Number.NaN
  return Number.isNaN(ms) ? undefined : Math.max(ms, 0)
}
