/**
 * Targets as people write them: `host`, `host:port`, or a URL whose scheme is the kind of probe; IPv6 in brackets.
 * Nothing here touches the network.
 */
import { isIPv4, isIPv6 } from 'node:net'
import { domainToASCII } from 'node:url'
import { clouds, isCloud } from './options-federation.ts'
import { responderPorts } from './responder.ts'
import { type Family, type Kind, kinds } from './result.ts'
import { bad, good, type Parsed, quote } from './values.ts'

/** What was asked for. Without a kind it is the whole ladder. `family` is there when `host` is an address. */
export type AskedTarget = {
  kind?: Kind
  host: string
  port?: number
  family?: Family
  /** Of a bundle document, or of an HTTP request, there with its query. */
  path?: string
  /** Only of the kind `http`, which has two. */
  scheme?: 'http' | 'https'
}

/** The scheme of a kind is its name, but for a bundle endpoint, which is asked over HTTPS and says so, and for HTTP, whose schemes everybody knows. */
const schemesOf = (kind: Kind): string[] => (kind === 'bundle' ? ['bundle+https'] : kind === 'http' ? ['https', 'http'] : [kind])
const schemes = kinds.flatMap(kind => schemesOf(kind).map(scheme => `${scheme}://`)).join(' ')
const portRule: Record<Kind, 'none' | 'needed' | 'optional'> = {
  dns: 'none',
  icmp: 'none',
  mtu: 'optional',
  trace: 'optional',
  tcp: 'needed',
  tls: 'optional',
  mtls: 'optional',
  bundle: 'optional',
  udp: 'optional',
  http: 'optional',
  federation: 'none',
}
/** Whether a kind can't be measured without a port. */
export const needsPort = (kind: Kind): boolean => portRule[kind] === 'needed'
/** HTTP over TLS (RFC 9110 §4.2.2): what a TLS target without a port nearly always is. */
const tlsPort = 443
/** RFC 9110 §4.2.1. */
const httpPort = 80
const withPath: readonly (Kind | undefined)[] = ['bundle', 'http']
const overTls: readonly Kind[] = ['tls', 'mtls', 'bundle']
/** The port of a target that names none; undefined for kinds that have none, or do without. */
export const defaultPortOf = (kind: Kind, scheme: AskedTarget['scheme'] = 'https'): number | undefined => {
  if (kind === 'http') return scheme === 'http' ? httpPort : tlsPort
  return overTls.includes(kind) ? tlsPort : kind === 'udp' ? responderPorts.udp : undefined
}

/** The canonical form: lower case, punycode, IPv6 in brackets and as short as it gets. `parseTarget` gives the same target back. */
export const formatTarget = ({ kind, host, port, path, scheme }: AskedTarget): string =>
  `${kind ? `${scheme ?? schemesOf(kind)[0]}://` : ''}${host.includes(':') ? `[${host}]` : host}${port === undefined ? '' : `:${port}`}${path ?? ''}`

/** The target, or everything that is wrong with it, each problem with its remedy. */
export const parseTarget = (text: string): Parsed<AskedTarget> => {
  const [, scheme, rest] = /^([^/]*):\/\/(.*)$/s.exec(text) ?? [undefined, undefined, text]
  const problems: string[] = []
  const kind = scheme === undefined ? undefined : kinds.find(known => schemesOf(known).includes(scheme.toLowerCase()))
  if (scheme !== undefined && !kind) problems.push(schemeProblem(scheme))

  const { authority, path } = withPath.includes(kind)
    ? splitPath(rest!)
    : { authority: scheme === undefined ? rest! : rest!.replace(/\/$/, '') }
  const parts = splitAuthority(authority)
  if (!parts.ok) return bad(...[...problems, ...parts.problems].map(about(text)))
  const host = parts.value.bracketed ? parseIpv6(parts.value.host) : parseHost(parts.value.host)
  if (!host.ok) problems.push(...host.problems)
  const port = parts.value.port === undefined ? undefined : parsePort(parts.value.port)
  if (port && !port.ok) problems.push(...port.problems)
  if (kind)
    problems.push(
      ...kindProblems(kind, parts.value.host.toLowerCase(), parts.value.port !== undefined, host.ok && host.value.family !== undefined),
    )
  if (problems.length || !host.ok) return bad(...problems.map(about(text)))

  const plain = kind === 'http' && scheme!.toLowerCase() === 'http'
  const known = kind && defaultPortOf(kind, plain ? 'http' : 'https')
  const number = port?.ok ? port.value : known
  return good({
    ...(kind && { kind }),
    ...host.value,
    ...(number !== undefined && { port: number }),
    ...(path !== undefined && { path }),
    ...(kind === 'http' && { scheme: plain ? ('http' as const) : ('https' as const) }),
  })
}

/** The path, as far as the URL has one; `/` is what is asked for anyway. A fragment is not sent (RFC 9110 §4.2.5). */
const splitPath = (rest: string): { authority: string; path?: string } => {
  const [, authority = '', path = ''] = /^([^/?]*)(\/[!-"$-~]*)?$/.exec(rest) ?? [undefined, rest, '']
  return path === '' || path === '/' ? { authority } : { authority, path }
}

const about = (text: string) => (problem: string) => `${text === '' ? '(empty target)' : quote(text).slice(1, -1)}: ${problem}`

const schemeProblem = (scheme: string) => `unknown scheme ${quote(scheme)}, want one of ${schemes} or none for all of them`

const kindProblems = (kind: Kind, host: string, hasPort: boolean, isAddress: boolean) => [
  ...(kind === 'federation' && !isCloud(host)
    ? [`federation:// wants a cloud, write one of ${clouds.map(cloud => `federation://${cloud}`).join(' ')}`]
    : []),
  ...(hasPort && portRule[kind] === 'none' ? [`${kind}:// has no ports, leave the port out`] : []),
  ...(!hasPort && portRule[kind] === 'needed' ? [`${kind}:// needs a port, write ${kind}://host:port`] : []),
  ...(kind === 'dns' && isAddress ? ['dns:// wants a name to look up, this is an address'] : []),
]

type Parts = { host: string; bracketed: boolean; port?: string }

/** Splits `host`, `host:port`, `[v6]` and `[v6]:port`. */
const splitAuthority = (text: string): Parsed<Parts> => {
  if (text === '') return bad('no host, want host, host:port or kind://host:port')
  const stray = /[/?#@\\]/.exec(text)?.[0]
  if (stray) return bad(`${quote(stray)} does not belong in a target, want host, host:port or kind://host:port`)
  const [, inside, after] = /^\[([^[\]]*)\]([^[\]]*)$/s.exec(text) ?? []
  if (inside !== undefined && after !== undefined) {
    if (after === '') return good({ host: inside, bracketed: true })
    return after.startsWith(':')
      ? good({ host: inside, bracketed: true, port: after.slice(1) })
      : bad(`${quote(after)} after the bracket, want [address]:port`)
  }
  if (/[[\]]/.test(text)) return bad('unbalanced brackets, want [address] or [address]:port')
  const colons = text.split(':').length - 1
  if (colons > 1) {
    return isIPv6(text)
      ? bad(`an IPv6 address goes in brackets, write [${text}] or [${text}]:port`)
      : bad('more than one colon, want host:port, or [address]:port for IPv6')
  }
  const [host, port] = text.split(':')
  return good({ host: host!, bracketed: false, ...(port !== undefined && { port }) })
}

/** 1 to 65535. Shared with `--resolver`. */
export const parsePort = (text: string): Parsed<number> =>
  /^\d{1,9}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535
    ? good(Number(text))
    : bad(`port ${text === '' ? 'is empty' : quote(text).slice(1, -1)}, want 1 to 65535`)

/** An IPv6 address as it stands in brackets. A zone is kept as it is (RFC 4007 §11). */
export const parseIpv6 = (text: string): Parsed<{ host: string; family: Family }> => {
  const [address = '', zone] = text.split('%', 2)
  if (isIPv4(text)) return bad(`${text} is IPv4, write it without brackets`)
  if (!isIPv6(address) || !isIPv6(text)) return bad(`${quote(text)} is not an IPv6 address`)
  return good({ host: `${new URL(`http://[${address}]`).hostname.slice(1, -1)}${zone === undefined ? '' : `%${zone}`}`, family: 6 })
}

/** A name (RFC 1123 §2.1, underscores allowed as in service names) or a dotted quad. */
export const parseHost = (text: string): Parsed<{ host: string; family?: Family }> => {
  if (text === '') return bad('no host before the port')
  if (/[\s\p{Cc}]/u.test(text)) return bad('a space or control character in the name')
  const ascii = /\P{ASCII}/u.test(text) ? domainToASCII(text) : text.toLowerCase()
  if (ascii === '') return bad(`${quote(text)} is not an international domain name`)
  if (isIPv4(ascii)) return good({ host: ascii, family: 4 })
  const labels = ascii.replace(/\.$/, '').split('.')
  // A name never ends in a number (RFC 3696 §2, WHATWG URL "ends in a number"); what does is a mistyped address.
  if (/^(\d+|0x[0-9a-f]*)$/.test(labels.at(-1)!))
    return bad(`${quote(text)} is not an IPv4 address, want four numbers from 0 to 255 without leading zeros`)
  const problems: string[] = []
  if (ascii.replace(/\.$/, '').length > 253)
    problems.push(`a name of ${ascii.length} characters, at most 253 are allowed (RFC 1035 §2.3.4)`)
  for (const label of new Set(labels)) {
    if (label === '') problems.push('an empty label: two dots in a row, or a dot at the start')
    else if (label.length > 63) problems.push(`the label ${quote(label)} has ${label.length} characters, at most 63 are allowed`)
    else if (!/^[a-z0-9_-]+$/.test(label)) problems.push(`${quote(label)} is not part of a name, want letters, digits and hyphens`)
    else if (/^-|-$/.test(label)) problems.push(`${quote(label)} starts or ends with a hyphen`)
  }
  return problems.length ? bad(...problems) : good({ host: ascii })
}
