import type { TLSSocket } from 'node:tls'

/** More than any path of authorities has. */
const most = 10

/**
 * The certificates that a TLS client has shown, DER, leaf first; none when it has shown none. Not one of them has been judged: that is for `proveByPeer`. Whose
 * private key the first one's is, the handshake has proved (RFC 8446 §4.4.3). A root's issuer is the root itself, so what was seen ends the walk.
 */
export const peerChainOf = (socket: TLSSocket): Uint8Array[] => {
  const chain: Uint8Array[] = []
  const seen = new Set<string>()
  for (
    let one = socket.getPeerX509Certificate();
    one && chain.length < most && !seen.has(one.fingerprint256);
    one = one.issuerCertificate
  ) {
    seen.add(one.fingerprint256)
    chain.push(one.raw)
  }
  return chain
}
