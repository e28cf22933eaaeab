/** The certificates that the client of a TLS connection has shown. */
import type { Socket } from 'node:net'
import { type DetailedPeerCertificate, TLSSocket } from 'node:tls'

/** More than any chain has: Node links a self-signed certificate to itself. */
const mostCertificates = 10

/** DER, leaf first; nothing without TLS or a certificate. */
export const peerChain = (socket: Socket): Uint8Array[] => {
  if (!(socket instanceof TLSSocket)) return []
  const chain: Uint8Array[] = []
  const seen = new Set<string>()
  let one: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true)
  while (one?.raw && !seen.has(one.fingerprint256) && chain.length < mostCertificates) {
    seen.add(one.fingerprint256)
    chain.push(one.raw)
    one = one.issuerCertificate
  }
  return chain
}
