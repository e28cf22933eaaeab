/** Asks a bundle endpoint for its document (SPIFFE_Federation §5). */
import type { TLSSocket } from 'node:tls'
import { Agent, buildConnector, type Dispatcher } from 'undici'
import { maxBundleBytes } from '../../judge/spiffe/bundle.ts'
import { readCertificate } from '../../judge/spiffe/certificate.ts'
import { parseSpiffeId, type SpiffeId } from '../../judge/spiffe/id.ts'
import { matchId } from '../../judge/spiffe/match.ts'
import { judgeX509Svid, type X509Bundles } from '../../judge/spiffe/x509-svid.ts'
import type { Fleet } from '../../wire/fleet.ts'
import { fetchText } from './fetch-text.ts'
import { peerChainOf } from './peer-chain.ts'

export type BundleEndpoint = NonNullable<Fleet['trustDomains'][number]['bundleEndpoint']>

export type BundleAsking = {
  /** What an endpoint of the profile https_spiffe is judged by. */
  bundles: X509Bundles
  nowMs: number
  stop?: AbortSignal
  /** How endpoints of the profile https_web are reached; default: by the public authorities. */
  web?: Dispatcher
}

const timeoutMs = 10_000

/** The document, unread. Throws with why there is none: the endpoint is away, is not who it should be, or answers something else. */
export const fetchBundle = async (endpoint: BundleEndpoint, { bundles, nowMs, stop, web }: BundleAsking): Promise<string> => {
  const means = { maxBytes: maxBundleBytes, timeoutMs, ...(stop ? { stop } : {}) }
  if (endpoint.profile === 'https_web') return await fetchText(endpoint.url, { ...means, ...(web ? { dispatcher: web } : {}) })
  const expected = parseSpiffeId(endpoint.endpointId ?? '')
  if (!expected.ok) throw new Error(`endpointId ${expected.problems[0]}`)
  const { trustDomain } = expected.id
  // §5.2.2: whoever asks must have the bundle of the endpoint's trust domain beforehand. Trusting what comes first would be trusting anybody.
  if (!bundles.get(trustDomain)?.length)
    throw new Error(
      `no bundle of ${trustDomain} is held by which its endpoint could be judged: give the first one as bundle: { file: … } beside bundleEndpoint`,
    )
  const dispatcher = new Agent({ connect: connectAs(expected.id, bundles, nowMs), keepAliveTimeout: 1 })
  try {
    return await fetchText(endpoint.url, { ...means, dispatcher })
  } finally {
    await dispatcher.destroy()
  }
}

/** Connects to whoever it is and hangs up, before anything is sent, on everybody but the endpoint. Names play no part in SPIFFE. */
const connectAs = (expected: SpiffeId, bundles: X509Bundles, nowMs: number): buildConnector.connector => {
  const dial = buildConnector({ rejectUnauthorized: false, maxCachedSessions: 0, timeout: timeoutMs })
  return (options, callback) =>
    dial(options, (...[error, socket]) => {
      if (error || !socket) return callback(error ?? new Error('no connection'), null)
      const problem = judgeEndpoint(peerChainOf(socket as TLSSocket), expected, bundles, nowMs)
      if (problem === undefined) return callback(null, socket)
      socket.destroy()
      callback(new Error(problem), null)
    })
}

/** Why this is not the endpoint that was meant. Pure. */
const judgeEndpoint = (chain: readonly Uint8Array[], expected: SpiffeId, bundles: X509Bundles, nowMs: number): string | undefined => {
  const certificates = chain.map(der => readCertificate(der)).flatMap(read => (read.ok ? [read.certificate] : []))
  const [leaf, ...others] = certificates
  if (!leaf || certificates.length < chain.length) return 'the endpoint shows no certificate that can be read'
  const { id, violations, verified } = judgeX509Svid([leaf, ...others], { nowMs, bundles, expect: matchId(expected) })
  if (!id) return `the endpoint shows no SPIFFE ID: does it serve https_web? (${violations[0]?.detail ?? 'none in its certificate'})`
  return (
    violations[0]?.detail ?? (verified === true ? undefined : 'the certificate of the endpoint leads to no authority of its trust domain')
  )
}
