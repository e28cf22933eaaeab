/** Where a token may be sent, and where documents may be fetched. Pure; the address is judged again when it is dialled. */
import { isPublic, parseAddress } from '../addresses.ts'
import { isLoopback } from '../special-addresses.ts'

/** Where metadata services are, which speak plain HTTP and never leave the host. */
const metadataNames = ['metadata.google.internal', 'metadata']

const addressIn = (host: string) => parseAddress(host.replace(/^\[|\]$/g, ''))

/** Link-local (RFC 3927, RFC 4291 §2.5.6), and the addresses of EC2's and Google's metadata over IPv6. */
const isLinkLocal = (host: string): boolean => {
  const bytes = addressIn(host)
  if (!bytes) return metadataNames.includes(host)
  if (bytes.length === 4) return bytes[0] === 169 && bytes[1] === 254
  return (bytes[0] === 0xfe && (bytes[1]! & 0xc0) === 0x80) || (bytes[0] === 0xfd && (bytes[1] === 0x00 || bytes[1] === 0x20))
}

/** A URL to which a secret may go: HTTPS, or HTTP that does not leave this host. A text says what is wrong. */
export const readSecureUrl = (text: string, what: string): URL | string => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url) return `${what} is not a URL`
  if (url.username !== '' || url.password !== '') return `${what} has a user name in it`
  if (url.protocol === 'https:' || (url.protocol === 'http:' && (isLoopback(url.hostname) || isLinkLocal(url.hostname)))) return url
  return `${what} is ${url.protocol}//${url.host}, want https: a token would go over the network in clear text`
}

/** Whether the host is an address that no cloud reaches, or a name that only this machine has. */
export const isInside = (host: string): boolean => {
  const bytes = addressIn(host)
  return isLoopback(host) || isLinkLocal(host) || (bytes !== undefined && !isPublic(bytes)) || /\.(local|internal|svc)$/.test(host)
}
