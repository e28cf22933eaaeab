/** An OpenID issuer as a Kubernetes cluster is one: discovery, keys, tokens, rotation; and issuers that are wrong. */
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { type CloudAt, json, type Said, startCloudServer } from './cloud-http.ts'

/** What its documents are like. `elsewhere`: the discovery document is another issuer's. */
export type IssuerFault = 'html' | 'redirect' | 'loop' | 'hang' | 'elsewhere' | 'not found' | 'keys missing' | 'trailing slash' | 'huge'

type Key = { kid: string; alg: string; privateKey: Parameters<SignJWT['sign']>[0]; jwk: JWK }
export type TokenAsk = {
  audience?: string | string[]
  subject?: string
  /** Seconds from now. */
  issuedIn?: number
  expiresIn?: number
  claims?: Record<string, unknown>
  /** A claim that is left out. */
  without?: string
}
export type IssuerOptions = CloudAt & { alg?: 'RS256' | 'ES256'; path?: string; now?: () => number }
export type Issuer = Awaited<ReturnType<typeof startIssuer>>

const makeKey = async (alg: string, n: number): Promise<Key> => {
  const { privateKey, publicKey } = await generateKeyPair(alg)
  const kid = `key-${n}`
  return { kid, alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } }
}

/** A pod's projected token, as Kubernetes claims it. */
const podClaims = (subject: string): Record<string, unknown> => {
  const [, , namespace = '', name = ''] = subject.split(':')
  return { 'kubernetes.io': { namespace, serviceaccount: { name, uid: '6c1b6f5e-0000-4000-8000-000000000001' } } }
}

export const startIssuer = async ({ alg = 'RS256', path = '', now = Date.now, ...at }: IssuerOptions = {}) => {
  let made = 0
  const next = (): Promise<Key> => makeKey(alg, ++made)
  let signing = await next()
  let published: JWK[] = [signing.jwk]
  let fault: IssuerFault | undefined
  const discovery = (): Record<string, unknown> => ({
    issuer: fault === 'elsewhere' ? 'https://issuer.example' : fault === 'trailing slash' ? `${issuer}/` : issuer,
    jwks_uri: `${server.url}${path}/openid/v1/jwks`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [alg],
  })
  const answer = (asked: string): Said => {
    if (fault === 'hang') return 'hang'
    if (fault === 'html') return { status: 200, headers: { 'content-type': 'text/html' }, body: '<!doctype html><title>Sign in</title>' }
    if (fault === 'redirect') return { status: 302, headers: { location: 'https://login.example/sign-in' } }
    if (fault === 'loop') return { status: 302, headers: { location: asked } }
    if (fault === 'huge')
      return { status: 200, headers: { 'content-type': 'application/json' }, body: `{"padding":"${'x'.repeat(3 * 2 ** 20)}"}` }
    if (fault === 'not found') return json(404, { message: 'not found' })
    if (asked === `${path}/.well-known/openid-configuration`) return json(200, discovery())
    if (asked === `${path}/openid/v1/jwks` && fault !== 'keys missing') return json(200, { keys: published })
    return json(404, { message: 'not found' })
  }
  const server = await startCloudServer(({ path: asked }) => answer(asked), at)
  const issuer = `${server.url}${path}`
  const sign = async (
    key: Key,
    { audience, subject = 'system:serviceaccount:ml:predictor', issuedIn = 0, expiresIn = 3600, claims, without }: TokenAsk,
  ) => {
    const second = Math.floor(now() / 1000)
    const all: Record<string, unknown> = {
      iss: issuer,
      sub: subject,
      aud: audience === undefined ? ['sts.amazonaws.com'] : audience,
      iat: second + issuedIn,
      nbf: second + issuedIn,
      exp: second + expiresIn,
      ...podClaims(subject),
      ...claims,
    }
    if (without !== undefined) delete all[without]
    return new SignJWT(all).setProtectedHeader({ alg: key.alg, kid: key.kid }).sign(key.privateKey)
  }
  return {
    server,
    issuer,
    close: server.close,
    jwks: (): { keys: JWK[] } => ({ keys: published }),
    token: (ask: TokenAsk = {}): Promise<string> => sign(signing, ask),
    /** Signed by a key that has the published one's name. */
    forged: async (ask: TokenAsk = {}): Promise<string> => sign({ ...(await makeKey(alg, 0)), kid: signing.kid }, ask),
    /** Signs with a new key from now on; it is published unless told. */
    rotate: async (publish = true): Promise<void> => {
      signing = await next()
      if (publish) published = [...published, signing.jwk]
    },
    publish: (): void => {
      published = [signing.jwk]
    },
    fail: (how: IssuerFault | undefined): void => {
      fault = how
    },
  }
}
