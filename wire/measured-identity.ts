import type { TlsMeasured } from './measured.ts'

/** What became of our certificate. `accepted` needs proof: a session ticket or application data (TLS 1.3), a finished handshake (TLS 1.2). */
export type ClientAuth = 'accepted' | 'rejected' | 'unconfirmed' | 'not_requested'

/** A certificate in a few words, to compare the one served with the one held. */
export type CertificateStamp = { fingerprint256: string; serial: string; notBefore: string; notAfter: string }

/** One authenticated connection that was kept open while fresh ones were made beside it: what a rotation does to each. */
export type HoldMeasured = {
  heldMs: number
  /** It was cut by the other side, so long after it was made; how. */
  cut?: { afterMs: number; how: string }
  /** Handshakes beside it, and how many of them failed. */
  fresh: number
  failed: number
  /** The peer's certificate of the held connection, and of the last fresh one. */
  held: CertificateStamp
  latest: CertificateStamp
  /** When a fresh connection first got another certificate than the held one has. */
  changedAfterMs?: number
}

export type MtlsMeasured = TlsMeasured & {
  peerId: string | null
  trustDomain: string | null
  ourId: string | null
  clientAuth: ClientAuth
  /** Where our identity came from, in words. */
  identitySource: string
  /** What we showed, or would have. */
  ourCertificate?: CertificateStamp
  /** Seconds until the first certificate of the peer's path ends, and which that is. */
  expiry?: { secondsLeft: number; subject: string }
  /** When the peer has our own identity: the certificate that it serves, and the one that is held. */
  rotation?: { served: CertificateStamp; held: CertificateStamp }
  /** What became of a connection without a certificate, when it was tried. */
  withoutCertificate?: 'refused' | 'accepted' | 'unknown'
  /** What became of a connection for a server name that nobody has, when it was tried. */
  nonsenseSni?: 'refused' | 'answered'
  hold?: HoldMeasured
}

export type AuthorityFacts = {
  kind: 'x509' | 'jwt'
  id: string
  subject: string
  /** ISO 8601, UTC; null for keys, which have no dates. */
  notBefore: string | null
  notAfter: string | null
  heldHere: boolean | null
}

export type BundleMeasured = {
  url: string
  profile: 'https_web' | 'https_spiffe'
  httpStatus: number | null
  contentType: string | null
  trustDomain: string | null
  endpointId: string | null
  /** 64 bits, as text. */
  sequence: string | null
  /** Of the copy that is held here, where it has one. */
  heldSequence?: string
  refreshHintSeconds: number | null
  bytes: number
  authorities: AuthorityFacts[]
}
