import { createHash } from 'node:crypto'
import { createSecureContext, type SecureContext } from 'node:tls'
import { keep } from './kept.ts'

/**
 * The sizes of ClientHello that matter. `small` fits one packet everywhere (X25519); `post_quantum` carries an X25519MLKEM768 share of 1,184
 * bytes more (draft-ietf-tls-ecdhe-mlkem), as current browsers, Go, OpenSSL and Node send; `large` offers many application protocols besides.
 */
export type Hello = 'small' | 'post_quantum' | 'large'

const classicalGroups = 'X25519:P-256:P-384'
const groups: Record<Hello, string> = {
  small: classicalGroups,
  post_quantum: `X25519MLKEM768:${classicalGroups}`,
  large: `X25519MLKEM768:${classicalGroups}`,
}

export type ContextOptions = {
  ca?: string
  cert?: string
  key?: string
  /** Without `ca`: trust nobody, instead of the public authorities. For who judges the chain alone: parsing them all takes longer than many a path's RTT. */
  trustNobody?: boolean
}

const contexts = keep<SecureContext>(32)

/** What we are to present or to trust can't be used. Nothing has been sent. */
export class ContextError extends Error {}

/** What Node would take without a word: a PEM with no authority in it trusts nobody, and half of a key pair is left out. */
const checkPems = ({ ca, cert, key }: ContextOptions): void => {
  if (ca !== undefined && !/-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]+-----END /.test(ca))
    throw new ContextError('no authority in the PEM')
  if (cert !== undefined && key === undefined) throw new ContextError('a certificate without its private key')
  if (key !== undefined && cert === undefined) throw new ContextError('a private key without its certificate')
}

/** The secure context of a check, made once and kept: making it costs more than a handshake. Throws a `ContextError` that says what is wrong. */
export const secureContext = (hello: Hello, options: ContextOptions): SecureContext => {
  const { ca, cert, key, trustNobody } = options
  const digest =
    (ca ?? cert ?? key) === undefined
      ? ''
      : createHash('sha256')
          .update(JSON.stringify([ca, cert, key]))
          .digest('base64')
  return contexts([digest, groups[hello], trustNobody].join(), () => make(hello, options))
}

const make = (hello: Hello, options: ContextOptions): SecureContext => {
  checkPems(options)
  try {
    return createSecureContext({
      minVersion: 'TLSv1.2',
      ecdhCurve: groups[hello],
      ...(options.ca ? { ca: options.ca, allowPartialTrustChain: true } : options.trustNobody ? { ca: [] } : {}),
      ...(options.cert ? { cert: options.cert, key: options.key } : {}),
    })
  } catch (error) {
    throw new ContextError((error as Error).message)
  }
}

/** Names that no server picks, to make a ClientHello large (RFC 7301 allows 65,535 bytes of them). */
const fillers = (bytes: number): string[] =>
  Array.from({ length: Math.ceil(bytes / 201) }, (_, i) => `x-causeway-${String(i).padStart(3, '0')}-`.padEnd(200, 'x'))

/**
 * What to offer as ALPN. A large hello needs a real name in the list: a server that finds none may refuse (RFC 7301 §3.2). Throws a
 * `ContextError` for a name of no bytes, or of more than 255 (§3.1).
 */
export const alpnOf = (hello: Hello, wanted: readonly string[], fillBytes = 4000): string[] => {
  const bad = wanted.find(name => name === '' || Buffer.byteLength(name) > 255)
  if (bad !== undefined) throw new ContextError(`protocol name of ${Buffer.byteLength(bad)} bytes, want 1 to 255`)
  return hello === 'large' ? [...(wanted.length > 0 ? wanted : ['h2', 'http/1.1']), ...fillers(Math.min(fillBytes, 60_000))] : [...wanted]
}
