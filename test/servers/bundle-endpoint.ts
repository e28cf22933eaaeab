/** SPIFFE bundle endpoints (SPIFFE_Federation.md §5), right and wrong. https_web or https_spiffe is a matter of the certificate they are given. */

import type { X509Certificate } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import { type Authority, daysFromNow, makeAuthority } from './authority.ts'
import { type At, type Listening, listen } from './listening.ts'
import { buildX509Entry, type TrustDomain } from './spiffe.ts'

/** What is served: of which trust domain, and what a fault needs besides. */
export type Serving = {
  domain: TrustDomain /** Where `redirect` leads; the own address unless told. */
  location?: string
  hits: number
  origin: string
}
type Answer = (response: ServerResponse, serving: Serving, request: IncomingMessage) => void

const json = (response: ServerResponse, body: string | Buffer, status = 200, headers: Record<string, string> = {}): void => {
  response
    .writeHead(status, { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)), ...headers })
    .end(body)
}
const document = (serving: Serving, extra: Parameters<TrustDomain['document']>[0] = {}): string => serving.domain.document(extra)
const keysOf = (serving: Serving): Record<string, unknown>[] => (JSON.parse(document(serving)) as { keys: Record<string, unknown>[] }).keys
const withKeys =
  (change: (keys: Record<string, unknown>[], serving: Serving) => unknown): Answer =>
  (response, serving) =>
    json(response, document(serving, { extra: { keys: change(keysOf(serving), serving) } }))
const raw =
  (make: (serving: Serving) => string | Buffer): Answer =>
  (response, serving) =>
    json(response, make(serving))
const redirect =
  (status: number, to: (serving: Serving) => string): Answer =>
  (response, serving, request) => {
    if (request.url?.startsWith('/moved')) json(response, document(serving))
    else json(response, '', status, { location: to(serving) })
  }

/** The authority's certificate with other dates, signed by itself: made when the endpoint starts, since answers are not awaited. */
type Aged = { expired: string; expiring: string }

/** Nothing ever changes: what was served first is served for ever. */
const frozen = new WeakMap<Serving, string>()
const stale: Answer = (response, serving) => {
  if (!frozen.has(serving)) frozen.set(serving, document(serving))
  json(response, frozen.get(serving)!)
}

const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`

const huge: Answer = (response, serving) => {
  response.writeHead(200, { 'content-type': 'application/json' })
  response.write(`${document(serving).slice(0, -1)},"padding":"`)
  const chunk = Buffer.alloc(65_536, 'x')
  let left = 50 * 1024 * 1024
  const more = (): void => {
    while (left > 0 && !response.destroyed) {
      left -= chunk.length
      if (!response.write(chunk)) return void response.once('drain', more)
    }
    response.end('"}')
  }
  more()
}

const slow: Answer = (response, serving) => {
  const text = document(serving)
  let at = 0
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': String(text.length) })
  const timer = setInterval(() => (at < text.length ? response.write(text[at++]) : response.end()), 100)
  response.once('close', () => clearInterval(timer))
}

/** One fault per answer, by name. */
export const bundleAnswers = {
  healthy: raw(document),
  stale,
  'sequence goes back': (response, serving) => json(response, document(serving, { sequence: BigInt(1000 - serving.hits) })),
  'content changes, sequence stays': (response, serving) =>
    json(response, document(serving, { sequence: 7n, extraKeys: Array(serving.hits).fill(keysOf(serving)[0]) as unknown[] })),
  'sequence above 2^53': raw(serving => document(serving, { sequence: 2n ** 53n + BigInt(2 * serving.hits + 1) })),
  'no sequence, no refresh hint': raw(serving => document(serving, { sequence: null, refreshHintSeconds: null })),
  empty: withKeys(() => []),
  'no keys': raw(() => '{"spiffe_sequence":1}'),
  'keys is an object': withKeys(() => ({})),
  'no X.509 authority': withKeys(keys => keys.filter(key => key['use'] !== 'x509-svid')),
  'no JWT authority': withKeys(keys => keys.filter(key => key['use'] !== 'jwt-svid')),
  'unknown use': withKeys(keys => [...keys, { kty: 'EC', use: 'wit-svid', kid: 'w' }, { kty: 'OKP', use: 'x509-svid' }, { kty: 'EC' }]),
  'two certificates in x5c': withKeys(keys =>
    keys.map(key => (Array.isArray(key['x5c']) ? { ...key, x5c: [...key['x5c'], ...key['x5c']] } : key)),
  ),
  'JWT key without kid': withKeys(keys => keys.map(({ kid: _, ...key }) => key)),
  'x5c is no certificate': withKeys(keys => keys.map(key => (key['x5c'] ? { ...key, x5c: ['bm9uc2Vuc2U='] } : key))),
  'private key in it': withKeys(keys => keys.map(key => ({ ...key, d: 'c2VjcmV0LWNhbmFyeQ' }))),
  'expired authority': raw(serving => aged(serving, 'expired')),
  'expiring authority': raw(serving => aged(serving, 'expiring')),
  malformed: raw(serving => document(serving).slice(0, -20)),
  'nothing at all': raw(() => ''),
  HTML: (response, _serving) => response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Sign in</title>'),
  PEM: raw(serving => serving.domain.bundlePem()),
  'not UTF-8': raw(serving =>
    Buffer.concat([Buffer.from('{"x":"'), Buffer.from([0xff, 0xfe]), Buffer.from(`",${document(serving).slice(1)}`)]),
  ),
  'nested 1,000 deep': withKeys(keys => [...keys, { kty: 'EC', use: 'x', deep: JSON.parse(nested(1000)) as unknown }]),
  'nested 1,000,000 deep': raw(() => `{"keys":${nested(1_000_000)}}`),
  'plain text type': (response, serving) => json(response, document(serving), 200, { 'content-type': 'text/plain' }),
  'status 404': (response, _serving) => json(response, '{"error":"not found"}', 404),
  'status 500': (response, _serving) => json(response, '{"error":"internal"}', 500),
  'status 500 with the document': (response, serving) => json(response, document(serving), 500),
  redirect: redirect(302, serving => serving.location ?? `${serving.origin}/moved`),
  'permanent redirect': redirect(308, serving => serving.location ?? `${serving.origin}/moved`),
  'redirect to http': redirect(302, serving => `${serving.origin.replace('https:', 'http:')}/moved`),
  'redirect with a user name': redirect(302, serving => `${serving.origin.replace('https://', 'https://me:secret-canary@')}/moved`),
  'redirect without a location': (response, _serving) => response.writeHead(302).end(),
  'redirect in a circle': (response, serving) => json(response, '', 302, { location: `${serving.origin}/again` }),
  huge,
  slow,
  silent: () => {},
  'hangs up': (response, _serving) => response.socket?.destroy(),
  'stops half-way': (response, serving) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100000' })
    response.write(document(serving).slice(0, -20), () => response.socket?.destroy())
  },
} as const satisfies Record<string, Answer>
export type BundleAnswer = keyof typeof bundleAnswers

const agedPems = new WeakMap<TrustDomain, Aged>()
const aged = (serving: Serving, which: keyof Aged): string =>
  document(serving, { extra: { keys: [buildX509Entry(agedPems.get(serving.domain)![which])] } })

async function makeAged(domain: TrustDomain): Promise<void> {
  if (agedPems.has(domain)) return
  const make = (notBefore: Date, notAfter: Date): Promise<Authority> => makeAuthority({ name: `${domain.name} aged`, notBefore, notAfter })
  const [expired, expiring] = await Promise.all([make(daysFromNow(-40), daysFromNow(-10)), make(daysFromNow(-364), daysFromNow(1))])
  agedPems.set(domain, { expired: expired.certPem, expiring: expiring.certPem })
}

export type BundleEndpointOptions = At & {
  domain: TrustDomain
  answer?: BundleAnswer
  /** The server's certificate: a Web PKI one, or an SVID. */
  chainPem: string
  keyPem: string
  location?: string
  /** Forbidden by the specification: the endpoint demands a client certificate. */
  requestCert?: boolean
}

export type BundleEndpoint = Listening & {
  url: string
  /** From now on. */
  setAnswer(answer: BundleAnswer): void
  /** A new certificate, for new connections. */
  setCertificate(chainPem: string, keyPem: string): void
  requests(): number
  /** Of the last connection, if it had one. */
  lastClient(): X509Certificate | undefined
}

export async function startBundleEndpoint({
  domain,
  answer = 'healthy',
  chainPem,
  keyPem,
  location,
  requestCert,
  ...at
}: BundleEndpointOptions): Promise<BundleEndpoint> {
  await makeAged(domain)
  let current: BundleAnswer = answer
  let client: X509Certificate | undefined
  const serving: Serving = { domain, hits: 0, origin: '', ...(location ? { location } : {}) }
  const server = createServer({ cert: chainPem, key: keyPem, requestCert: requestCert ?? false, rejectUnauthorized: requestCert ?? false })
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    serving.hits += 1
    bundleAnswers[current](response, serving, request)
  })
  server.on('secureConnection', socket => (client = socket.getPeerX509Certificate()))
  const listening = await listen(server, at)
  const host = listening.host.includes(':') ? `[${listening.host}]` : listening.host
  serving.origin = `https://${host}:${listening.port}`
  return {
    ...listening,
    url: `${serving.origin}/`,
    setAnswer: next => (current = next),
    setCertificate: (cert, key) => server.setSecureContext({ cert, key }),
    requests: () => serving.hits,
    lastClient: () => client,
  }
}

type Profile = (domain: TrustDomain, web: Authority, at?: At & { answer?: BundleAnswer }) => Promise<BundleEndpoint>

/** How an endpoint shows who it is. `web` signs Web PKI certificates; the SPIFFE ID that clients are to expect is `<domain>/bundle-endpoint`. */
export const endpointPath = '/bundle-endpoint'
const profiles = {
  https_web: async (domain, web, at) =>
    startBundleEndpoint({
      domain,
      ...(await web.issue({ names: ['bundle.test', 'localhost'], addresses: [at?.host ?? '127.0.0.1'] })),
      ...at,
    }),
  https_spiffe: async (domain, _web, at) => startBundleEndpoint({ domain, ...(await domain.issue({ path: endpointPath })), ...at }),
  'https_spiffe with the wrong ID': async (domain, _web, at) =>
    startBundleEndpoint({ domain, ...(await domain.issue({ path: '/somebody-else' })), ...at }),
  'https_spiffe, expired': async (domain, _web, at) =>
    startBundleEndpoint({ domain, ...(await domain.issue({ path: endpointPath, fault: 'expired' })), ...at }),
  /** The ID is right, and an authority that the bundle does not have signed it: used before it was published. */
  'https_spiffe, authority not published': async (domain, web, at) =>
    startBundleEndpoint({ domain, ...(await web.issue({ uris: [`${domain.id}${endpointPath}`] })), ...at }),
  'https_web with another name': async (domain, web, at) =>
    startBundleEndpoint({ domain, ...(await web.issue({ names: ['elsewhere.invalid'] })), ...at }),
  'demands a client certificate': async (domain, web, at) =>
    startBundleEndpoint({
      domain,
      requestCert: true,
      ...(await web.issue({ names: ['bundle.test'], addresses: [at?.host ?? '127.0.0.1'] })),
      ...at,
    }),
} as const satisfies Record<string, Profile>
export type BundleProfile = keyof typeof profiles
export const bundleEndpoints: Readonly<Record<BundleProfile, Profile>> = profiles
