/** What counts as a good HTTP answer. Pure. */
import { bad, good, type Parsed, quote } from '../wire/values.ts'

export type StatusRange = { from: number; to: number }

/** `200`, `200-299` or `2xx`. */
export const parseStatusRange = (text: string): Parsed<StatusRange> => {
  const [, first, last, digit] = /^(?:([1-5]\d\d)(?:-([1-5]\d\d))?|([1-5])xx)$/.exec(text) ?? []
  const range = digit ? { from: Number(digit) * 100, to: Number(digit) * 100 + 99 } : { from: Number(first), to: Number(last ?? first) }
  return range.from <= range.to ? good(range) : bad(`${quote(text)} is not a status, want one like 200, 200-299 or 2xx`)
}

export const isExpectedStatus = (status: number, ranges: readonly StatusRange[]): boolean =>
  ranges.some(({ from, to }) => status >= from && status <= to)

/** A field name (RFC 9110 §5.1). */
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** A field value (RFC 9110 §5.5): no control characters, which could start another field. */
const value = /^[\t\x20-\x7e\x80-\xff]*$/

/**
 * Fields that say where a request goes, how long it is and who else handles it (RFC 9110 §7.2, §7.6, §8.6): the probe's own. A Host of one's
 * choice would make a gateway at an allowed address fetch from another service.
 */
const ownFields = new Set([
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'te',
  'trailer',
  'upgrade',
  'expect',
  'keep-alive',
  'proxy-connection',
  'proxy-authorization',
  'http2-settings',
  'accept-encoding',
  'traceparent',
])

/** What is wrong with request fields, by name and never by value: values are secrets. */
export const headerProblems = (headers: Readonly<Record<string, string>>): string[] => {
  const seen = new Set<string>()
  return Object.entries(headers).flatMap(([name, text]) => {
    const lower = name.toLowerCase()
    const twice = seen.has(lower)
    seen.add(lower)
    if (!token.test(name)) return [`${quote(name)} is not the name of a header`]
    if (ownFields.has(lower)) return [`the header ${lower} is the probe's own and can't be set`]
    if (twice) return [`the header ${lower} is given twice`]
    return value.test(text) ? [] : [`the value of the header ${lower} has a character that no header may have`]
  })
}

const timingName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/
const mostTimings = 32

/** `db;dur=53.2, app;desc="x"` (W3C Server Timing §4). What is not understood is left out. */
export const parseServerTiming = (text: string): { name: string; durationMs: number | null }[] =>
  (text.slice(0, 8192).match(/(?:[^,"]|"(?:[^"\\]|\\.)*")+/g) ?? []).slice(0, mostTimings).flatMap(entry => {
    const [name = '', ...parameters] = entry.split(';').map(part => part.trim())
    if (!timingName.test(name)) return []
    const duration = parameters.map(one => /^dur\s*=\s*"?(\d{1,12}(?:\.\d{1,9})?)"?$/i.exec(one)?.[1]).find(found => found !== undefined)
    return [{ name, durationMs: duration === undefined ? null : Number(duration) }]
  })

export type Redirection = { url: URL; method: 'GET' | 'HEAD' | 'POST'; sameOrigin: boolean; crossScheme: boolean }

/** Statuses that send the client elsewhere (RFC 9110 §15.4). */
export const isRedirect = (status: number): boolean => [301, 302, 303, 307, 308].includes(status)

/** Where a redirect leads; a text says why nowhere. Only http and https, without a user. 303 asks again with GET, and 301 and 302 turn POST into it. */
export const judgeRedirect = (
  status: number,
  location: string | undefined,
  from: URL,
  method: Redirection['method'],
): Redirection | string => {
  if (location === undefined) return `status ${status} without a Location`
  const url = URL.canParse(location, from.href) ? new URL(location, from) : undefined
  if (!url) return `status ${status} with a Location that is no URL`
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return `status ${status} leads to ${quote(url.protocol)}, want http or https`
  if (url.username !== '' || url.password !== '') return `status ${status} leads to a URL with a user name`
  const turned = (status === 303 && method !== 'HEAD') || ((status === 301 || status === 302) && method === 'POST')
  return { url, method: turned ? 'GET' : method, sameOrigin: url.origin === from.origin, crossScheme: url.protocol !== from.protocol }
}

/** A URL as it may be shown: without query, fragment and user, and not endless. */
export const showUrl = (url: URL): string => `${url.origin}${url.pathname}`.slice(0, 300)
