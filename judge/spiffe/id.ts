/**
 * SPIFFE IDs and trust domain names (SPIFFE-ID.md §2). The text is scanned and never given to a URL parser: WHATWG `URL` folds dot segments and
 * percent signs away before anybody can see them.
 */
import type { SpiffeWarning } from './warnings.ts'

/** Parsed and canonical: the trust domain in lower case, the path as it was, empty or beginning with `/`. */
export type SpiffeId = { trustDomain: string; path: string }

export type ParsedId = { ok: true; id: SpiffeId; warnings: SpiffeWarning[] } | { ok: false; problems: string[] }
export type ParsedTrustDomain = { ok: true; trustDomain: string; warnings: SpiffeWarning[] } | { ok: false; problems: string[] }

/** §2.3: what every implementation supports, and more than anyone should make. */
export const maxIdBytes = 2048
/** §2.1, the host limit of RFC 3986 §3.2.2. */
export const maxTrustDomainBytes = 255

const scheme = 'spiffe://'

/** `spiffe://example.org/ns/payments`, or `spiffe://example.org` for a trust domain. */
export const printSpiffeId = ({ trustDomain, path }: SpiffeId): string => `${scheme}${trustDomain}${path}`

export const isSameId = (a: SpiffeId, b: SpiffeId): boolean => a.trustDomain === b.trustDomain && a.path === b.path

/** The ID, or everything that is wrong with the text. Case of scheme and trust domain is folded (§2.4), with a warning. */
export const parseSpiffeId = (text: string): ParsedId => {
  const bytes = Buffer.byteLength(text)
  // Looking for all problems in megabytes of them helps nobody.
  if (bytes > maxIdBytes) return { ok: false, problems: [`is ${bytes} bytes long, want at most ${maxIdBytes}`] }
  if (!/^spiffe:\/\//i.test(text)) return { ok: false, problems: [schemeProblem(text)] }
  const rest = text.slice(scheme.length)
  const end = rest.search(/[?#]/)
  const body = end < 0 ? rest : rest.slice(0, end)
  const slash = body.indexOf('/')
  const host = slash < 0 ? body : body.slice(0, slash)
  const path = slash < 0 ? '' : body.slice(slash)
  const problems = [...trustDomainProblems(host), ...pathProblems(path), ...(end < 0 ? [] : tailProblems(rest.slice(end)))]
  if (problems.length) return { ok: false, problems }
  const id = { trustDomain: foldCase(host), path }
  return { ok: true, id, warnings: printSpiffeId(id) === text ? [] : [nonCanonical(text, printSpiffeId(id))] }
}

/** A trust domain by its name or as `spiffe://name`, which is how the Workload API and configuration files write it. */
export const parseTrustDomain = (text: string): ParsedTrustDomain => {
  const name = /^spiffe:\/\//i.test(text) ? text.slice(scheme.length) : text
  if (name.length > maxIdBytes)
    return { ok: false, problems: [`trust domain is ${name.length} characters long, want at most ${maxTrustDomainBytes} bytes`] }
  const problems = name.includes('/') ? ['a trust domain has no path'] : trustDomainProblems(name)
  if (problems.length) return { ok: false, problems }
  const trustDomain = foldCase(name)
  return { ok: true, trustDomain, warnings: trustDomain === name ? [] : [nonCanonical(name, trustDomain)] }
}

const nonCanonical = (text: string, canonical: string): SpiffeWarning => ({
  code: 'non_canonical_spiffe_id',
  detail: `"${text}" is "${canonical}" in its canonical form; a go-spiffe peer would reject it as it is`,
})

// ASCII only: toLowerCase alone would make the Kelvin sign a k; the characters are checked before.
const foldCase = (host: string): string => host.toLowerCase()

const schemeProblem = (text: string): string => {
  if (text === '') return 'is empty, want spiffe://<trust domain>/<path>'
  if (/^spiffe:/i.test(text)) return 'has no "//" after the scheme, want spiffe://<trust domain>/<path>'
  return 'does not begin with spiffe://'
}

const tailProblems = (tail: string): string[] => [
  ...(tail.startsWith('?') ? ['has a query'] : []),
  ...(tail.includes('#') ? ['has a fragment'] : []),
]

/** Several bad characters of one kind are one problem. */
const characterProblem = (text: string, allowed: RegExp, where: string, want: string): string[] => {
  const odd = [...new Set(Array.from(text.toWellFormed()).filter(one => !allowed.test(one)))]
  if (!odd.length) return []
  const shown = odd.slice(0, 5).map(one => JSON.stringify(one))
  return [`${where} has ${shown.join(', ')}${odd.length > 5 ? ` and ${odd.length - 5} more` : ''}, want ${want}`]
}

const trustDomainProblems = (host: string): string[] => {
  if (host === '') return ['has no trust domain']
  if (host.startsWith('[')) return ['trust domain is an IPv6 address, which is not allowed']
  const problems: string[] = []
  const bytes = Buffer.byteLength(host)
  if (bytes > maxTrustDomainBytes) problems.push(`trust domain is ${bytes} bytes long, want at most ${maxTrustDomainBytes}`)
  if (host.includes('@')) problems.push('has a user name before the trust domain')
  const name = host.slice(host.lastIndexOf('@') + 1)
  if (name.includes(':')) problems.push('has a port')
  if (name.includes('%')) problems.push('trust domain is percent-encoded')
  const plain = name.replaceAll(/:|%/g, '')
  if (plain === '' && !problems.length) problems.push('has no trust domain')
  return [...problems, ...characterProblem(plain, /^[A-Za-z0-9._-]$/, 'trust domain', 'only a-z, 0-9, dot, dash and underscore')]
}

const pathProblems = (path: string): string[] => {
  if (path === '') return []
  const problems: string[] = []
  const segments = path.slice(1).split('/')
  if (segments.at(-1) === '') problems.push('path ends with a slash')
  if (segments.slice(0, -1).includes('')) problems.push('path has an empty segment')
  if (segments.some(one => one === '.' || one === '..')) problems.push('path has a dot segment')
  if (path.includes('%')) problems.push('path is percent-encoded')
  const plain = path.replaceAll(/[/%]/g, '')
  return [...problems, ...characterProblem(plain, /^[A-Za-z0-9._-]$/, 'path', 'only letters, digits, dot, dash and underscore')]
}
