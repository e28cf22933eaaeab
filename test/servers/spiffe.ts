/** Trust domains with authorities that rotate, and what they issue: X509-SVIDs, bundles as DER, PEM and documents, JWT-SVIDs. */
import { generateKeyPairSync, type KeyObject, sign, X509Certificate } from 'node:crypto'
import { type Authority, type AuthorityOptions, type Issued, type LeafOptions, loadAuthority, makeAuthority } from './authority.ts'
import { mintSvid, type SvidFault, svidFaults } from './svid-faults.ts'

/** `path` begins with a slash; `below` is how many intermediates stand between the authority and the leaf. */
export type SvidOptions = LeafOptions & { path?: string; below?: number; fault?: SvidFault }

export type TestSvid = Issued & { id: string; keyDer: Buffer; chainDer: Buffer }

/** `sequence` may be larger than 2^53. `extraKeys` and `extra` are put into the document as they are. */
export type DocumentOptions = {
  sequence?: bigint | null
  refreshHintSeconds?: number | null
  extraKeys?: unknown[]
  extra?: Record<string, unknown>
}

export type JwtOptions = {
  path?: string
  audience?: string | string[]
  header?: Record<string, unknown>
  claims?: Record<string, unknown>
  key?: JwtKey
}
export type JwtKey = { kid: string; privateKey: KeyObject; publicKey: KeyObject }

export type TrustDomain = {
  name: string
  id: string
  /** The authorities in the bundle, oldest first. */
  published(): Authority[]
  /** The one that signs. */
  active(): Authority
  /** Publishes a new authority (and JWT key) that does not sign yet. */
  prepare(options?: Partial<AuthorityOptions>): Promise<Authority>
  /** What was prepared last signs from now on; prepares first when nothing is. */
  activate(): Promise<void>
  /** Takes all authorities that do not sign, and are older than the one that does, out of the bundle. */
  retire(): void
  /** An SVID below the active authority: right, or with one fault. */
  issue(options?: SvidOptions): Promise<TestSvid>
  bundleDer(): Buffer
  bundlePem(): string
  /** The sequence goes up by one with each change. */
  document(options?: DocumentOptions): string
  jwtSvid(options?: JwtOptions): string
  /** Enough to go on with the same authorities in another process: `loadTrustDomain`. */
  save(): SavedTrustDomain
}
export type SavedTrustDomain = {
  name: string
  authorities: { certPem: string; keyPem: string }[]
  activeIndex: number
  /** 64 bits, as text. */
  sequence: string
}

type State = { authorities: Authority[]; jwtKeys: JwtKey[]; active: Authority; sequence: bigint }

/** EC P-256 unless told; the authority's certificate carries no SPIFFE ID unless `options` give one. */
export async function makeTrustDomain(name: string, options: Partial<AuthorityOptions> = {}): Promise<TrustDomain> {
  const authority = await makeAuthority({ name: `${name} authority 1`, ...options })
  return buildTrustDomain(name, { authorities: [authority], jwtKeys: [makeJwtKey(name, 1)], active: authority, sequence: 1n }, options)
}

export async function loadTrustDomain({ name, authorities, activeIndex, sequence }: SavedTrustDomain): Promise<TrustDomain> {
  const loaded = await Promise.all(authorities.map(loadAuthority))
  const state = { authorities: loaded, jwtKeys: [makeJwtKey(name, 1)], active: loaded[activeIndex]!, sequence: BigInt(sequence) }
  return buildTrustDomain(name, state, {})
}

function buildTrustDomain(name: string, state: State, defaults: Partial<AuthorityOptions>): TrustDomain {
  let made = state.authorities.length
  const change = () => (state.sequence += 1n)
  const domain: TrustDomain = {
    name,
    id: `spiffe://${name}`,
    published: () => [...state.authorities],
    active: () => state.active,
    async prepare(options = {}) {
      made += 1
      const authority = await makeAuthority({ name: `${name} authority ${made}`, ...defaults, ...options })
      state.authorities.push(authority)
      state.jwtKeys.push(makeJwtKey(name, made))
      change()
      return authority
    },
    async activate() {
      if (state.authorities.at(-1) === state.active) await domain.prepare()
      state.active = state.authorities.at(-1)!
    },
    retire() {
      const from = state.authorities.indexOf(state.active)
      state.authorities.splice(0, from)
      state.jwtKeys.splice(0, from)
      change()
    },
    issue: options => issueSvid(name, state.active, options),
    bundleDer: () => Buffer.concat(state.authorities.map(derOf)),
    bundlePem: () => state.authorities.map(authority => authority.certPem).join(''),
    document: options => buildDocument(state, options),
    jwtSvid: options => buildJwt(name, state.jwtKeys.at(-1)!, options),
    save: () => ({
      name,
      authorities: state.authorities.map(({ certPem, keyPem }) => ({ certPem, keyPem })),
      activeIndex: state.authorities.indexOf(state.active),
      sequence: String(state.sequence),
    }),
  }
  return domain
}

async function issueSvid(
  name: string,
  authority: Authority,
  { path = '/test', below = 0, fault, ...leaf }: SvidOptions = {},
): Promise<TestSvid> {
  let issuer = authority
  for (let i = 1; i <= below; i++) issuer = await issuer.intermediate({ name: `${name} intermediate ${i}` })
  const id = `spiffe://${name}${path}`
  const content: LeafOptions = { uris: [id], commonName: 'test workload', ...leaf }
  const issued = fault ? await mintSvid(svidFaults[fault], issuer, content) : await issuer.issue(content)
  const chain = issued.chainPem.match(/-----BEGIN[^-]+-----[^-]+-----END CERTIFICATE-----/g)!
  const keyDer = Buffer.from(issued.keyPem.replace(/-----[^-]+-----/g, ''), 'base64')
  return { ...issued, id: content.uris![0] ?? id, keyDer, chainDer: Buffer.concat(chain.map(pem => new X509Certificate(pem).raw)) }
}

const derOf = ({ certPem }: Pick<Authority, 'certPem'>): Buffer => new X509Certificate(certPem).raw

/** An entry of a bundle document for an authority's certificate (X509-SVID.md §6). */
export function buildX509Entry(certPem: string, extra: Record<string, unknown> = {}): Record<string, unknown> {
  const cert = new X509Certificate(certPem)
  return { ...cert.publicKey.export({ format: 'jwk' }), use: 'x509-svid', x5c: [cert.raw.toString('base64')], ...extra }
}

/** SPIFFE_Trust_Domain_and_Bundle.md §4. The sequence is written as digits: it may not fit a JavaScript number. */
function buildDocument(
  state: State,
  { sequence = state.sequence, refreshHintSeconds = 300, extraKeys = [], extra = {} }: DocumentOptions = {},
): string {
  const keys = [
    ...state.authorities.map(({ certPem }) => buildX509Entry(certPem)),
    ...state.jwtKeys.map(({ kid, publicKey }) => ({ ...publicKey.export({ format: 'jwk' }), use: 'jwt-svid', kid })),
    ...extraKeys,
  ]
  const hint = refreshHintSeconds === null ? {} : { spiffe_refresh_hint: refreshHintSeconds }
  const rest = JSON.stringify({ ...hint, keys, ...extra })
  return sequence === null ? rest : `{"spiffe_sequence":${sequence},${rest.slice(1)}`
}

function makeJwtKey(name: string, number: number): JwtKey {
  return { kid: `${name}-jwt-${number}`, ...generateKeyPairSync('ec', { namedCurve: 'P-256' }) }
}

/** JWT-SVID.md §2–3. Header fields and claims of `undefined` are left out; `alg: 'none'` is unsigned. Lives five minutes unless told. */
function buildJwt(
  name: string,
  signer: JwtKey,
  { path = '/test', audience = 'test', header = {}, claims = {}, key = signer }: JwtOptions = {},
): string {
  const now = Math.floor(Date.now() / 1000)
  const head = { alg: 'ES256', kid: key.kid, typ: 'JWT', ...header }
  const body = { sub: `spiffe://${name}${path}`, aud: audience, iat: now, exp: now + 300, ...claims }
  const signed = [head, body].map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  const signature =
    head.alg === 'none' ? Buffer.alloc(0) : sign('sha256', Buffer.from(signed), { key: key.privateKey, dsaEncoding: 'ieee-p1363' })
  return `${signed}.${signature.toString('base64url')}`
}
