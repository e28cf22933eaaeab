/** Why a controller could not be asked, and what to do. */

const untrusted: readonly string[] = [
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_SIGNATURE_FAILURE',
]

const texts: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refuses the connection: is it running, and is that its port?',
  ECONNRESET: 'hangs up: is there something else on that port, or HTTPS where HTTP is spoken?',
  ENOTFOUND: 'has a name that is not known',
  EAI_AGAIN: 'has a name that could not be looked up: no DNS server answers',
  EHOSTUNREACH: 'cannot be reached: no route to it',
  ENETUNREACH: 'cannot be reached: no network',
  ETIMEDOUT: 'does not answer: a firewall on the way?',
  UND_ERR_CONNECT_TIMEOUT: 'does not answer: a firewall on the way?',
  UND_ERR_HEADERS_TIMEOUT: 'takes the request and does not answer it',
  UND_ERR_BODY_TIMEOUT: 'stops in the middle of its answer',
  UND_ERR_SOCKET: 'hangs up: is there something else on that port, or HTTPS where HTTP is spoken?',
  CERT_HAS_EXPIRED: 'has a certificate that has expired: or is the clock of this machine wrong?',
  CERT_NOT_YET_VALID: 'has a certificate that is not valid yet: is the clock of this machine wrong?',
  ERR_SSL_WRONG_VERSION_NUMBER: 'does not speak TLS there: http://?',
}

export const connectTrouble = (error: Error & { code?: string; cause?: unknown }, controller: string, hasCa: boolean): string => {
  const { code = '', message } = codeOf(error)
  if (untrusted.includes(code))
    return hasCa
      ? `${controller} has a certificate that is not from the authority in --ca: is it another controller's, or is somebody in between?`
      : `${controller} has a certificate from an authority that is not trusted here. Is it the controller's own? Then give that: --ca <file>, or CAUSEWAY_CA`
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `${controller} has a certificate for other names: ${message}`
  return `${controller} ${texts[code] ?? `cannot be asked: ${message}`}`
}

/** Of several addresses the first that says why. */
const codeOf = (error: Error & { code?: string; cause?: unknown }): Error & { code?: string } => {
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return codeOf(error.errors[0])
  return error.code === undefined && error.cause instanceof Error ? codeOf(error.cause) : error
}
