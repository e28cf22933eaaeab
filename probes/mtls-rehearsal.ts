import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { Socket } from 'node:net'
import { createSecureContext, rootCertificates, TLSSocket } from 'node:tls'
import { readBundlePem } from '../judge/spiffe/bundle.ts'
import { findPath } from '../judge/spiffe/path.ts'
import { describeCertificate } from './chain.ts'
import { buildSvid, parseKey, parsePem } from './identity/certificates.ts'
import { buildIdentity } from './identity/identity.ts'
import { Secret } from './identity/secret.ts'
import { secureContext } from './net/secure-context.ts'
import { judgePeer, prepareJudgement } from './peer.ts'

let rehearsed = false

/**
 * Goes once per process through what a run does before it dials and between its packets, with a key of its own and with a public authority's
 * certificate in the place of a peer's. The first time V8 compiles all this and OpenSSL looks for its decoders, which a verdict would wait for.
 * Nothing is sent, and nothing is decided by it.
 */
export const rehearseMtls = (nowMs: number): void => {
  if (rehearsed) return
  rehearsed = true
  try {
    const key = rehearseKeys()
    // The shortest has a key on an elliptic curve, as most SVIDs do.
    const [pem] = rootCertificates.toSorted((a, b) => a.length - b.length)
    if (pem !== undefined) rehearseCertificates(pem, key, nowMs)
  } catch {
    // What this machine's OpenSSL does not do, the run itself meets and reports.
  }
}

const rehearseKeys = (): Secret => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const key = new Secret(privateKey.export({ type: 'pkcs8', format: 'pem' }) as string)
  parseKey(key)
  createSecureContext({ key: key.reveal(), ca: [] })
  new TLSSocket(new Socket(), { secureContext: secureContext('small', { trustNobody: true }) }).destroy()
  generateKeyPairSync('x25519')
  return key
}

const rehearseCertificates = (pem: string, key: Secret, nowMs: number): void => {
  const svid = buildSvid(parsePem(pem).certificates, key, {})
  const identity = buildIdentity('rehearsal', {
    svids: [svid],
    caPem: pem,
    bundles: new Map([['rehearsal', { authoritiesPem: pem, authorities: 1 }]]),
  })
  prepareJudgement(identity, svid)
  const peer = new X509Certificate(pem)
  describeCertificate(peer)
  judgePeer([peer], { identity, svid, nowMs })
  const read = readBundlePem(pem)
  const [authority] = read.ok ? read.bundle.x509 : []
  if (authority) findPath(authority, [], [authority], nowMs)
}
