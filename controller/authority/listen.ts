/** Where the server listens, and whether in plain text: that is for loopback alone. Pure. */
import { isIP } from 'node:net'
import { isLoopback } from '../../judge/special-addresses.ts'
import { parseTarget } from '../../wire/target.ts'
import { bad, good, type Parsed, quote } from '../../wire/values.ts'
import type { TlsFiles } from './tls-files.ts'

/** What the configuration says of TLS: nothing, `off`, or files. */
export type TlsSetting = 'off' | TlsFiles | undefined
export type Listen = { host: string; port: number; scheme: 'http' | 'https' }

/** `address`: `host:port`, port 0 for one of the kernel's choice. Nothing said: plain on loopback, the controller's own certificate everywhere else. */
export const judgeListen = (address: string, tls: TlsSetting): Parsed<Listen> => {
  // Port 0 is good for listening, and no target.
  const isAnyPort = address.endsWith(':0')
  const parsed = parseTarget(isAnyPort ? `${address.slice(0, -1)}1` : address)
  if (!parsed.ok || parsed.value.kind || parsed.value.port === undefined)
    return bad(`listen is ${quote(address)}, want address:port such as 127.0.0.1:8080, 0.0.0.0:8443 or [::]:8443`)
  const { host } = parsed.value
  const port = isAnyPort ? 0 : parsed.value.port
  if (typeof tls === 'object') return good({ host, port, scheme: 'https' })
  if (isLoopback(host)) return good({ host, port, scheme: 'http' })
  if (tls === undefined) return good({ host, port, scheme: 'https' })
  return bad(
    `listen is ${quote(address)}, which others can reach, and tls is off: credentials would pass in the clear. Take tls: off out (the controller then has an authority of its own), give tls: { cert, key }, or listen on 127.0.0.1`,
  )
}

export type Reachable = {
  listen: Pick<Listen, 'host'>
  /** Names and addresses that the configuration says agents use. */
  advertise: readonly string[]
  hostname: string
  /** Of all interfaces. */
  addresses: readonly string[]
}

/** All by which the server may be reached, for its certificate: of a wildcard, every address of the machine. */
export const servedNames = ({ listen, advertise, hostname, addresses }: Reachable): string[] => {
  const isWildcard = ['0.0.0.0', '::'].includes(listen.host)
  const all = [...advertise, ...(isWildcard ? [hostname, 'localhost', ...addresses] : [listen.host])]
  // A zone is no part of an address, and in no certificate.
  return [...new Set(all.map(name => name.replace(/%.*$/, '').replace(/\.$/, '').toLowerCase()))].filter(
    name => isIP(name) !== 0 || isName(name),
  )
}

/** What a certificate can say (RFC 5280 §4.2.1.6): a machine's own name may be anything. */
const isName = (text: string): boolean =>
  text.length <= 253 && text.split('.').every(label => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label))
