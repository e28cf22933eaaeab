/** No endpoint can silence an agent for longer. */
const mostMs = 3_600_000

/** The Retry-After header (RFC 9110 §10.2.3), seconds or a date, in ms from now; undefined when there is none that can be read. */
export const parseRetryAfterMs = (text: string | undefined, unixNowMs: number): number | undefined => {
  if (text === undefined) return undefined
  const value = text.trim()
  // Date.parse takes much that is no date: an HTTP date begins with the day's name.
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : /^[A-Z][a-z]+,? /.test(value) ? Date.parse(value) - unixNowMs : Number.NaN
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), mostMs)
}
