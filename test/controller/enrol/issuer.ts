/** A Kubernetes issuer or an OpenID provider: discovery and keys over real TLS, which can rotate, go away and come back. */
import { createServer } from 'node:https'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { Agent } from 'undici'
import { fetchJson } from '../../../controller/enrol/fetch-json.ts'
import { type IssuerKeys, type KeptKeys, keepIssuerKeys } from '../../../controller/enrol/issuer-keys.ts'
import { Secret } from '../../../wire/secret.ts'
import { type Authority, makeAuthority } from '../../servers/authority.ts'
import { listen } from '../../servers/listening.ts'

type Claims = Record<string, unknown>
export type SignOptions = { alg?: string; kid?: string; typ?: string }
export type TestIssuer = {
  url: string
  /** How often it was asked for its keys. */
  asked(): number
  rotate(): Promise<void>
  sign(claims: Claims, options?: SignOptions): Promise<Secret>
  /** Answers so instead of with its keys. */
  answerWith(body: string | undefined): void
  close(): Promise<void>
}

const authority: Promise<Authority> = makeAuthority({ name: 'issuers' })

export const startIssuer = async (at: { port?: number } = {}): Promise<TestIssuer> => {
  const { certPem, keyPem } = await (await authority).issue({ addresses: ['127.0.0.1'] })
  let [asked, generation] = [0, 0]
  let pair = await generateKeyPair('ES256')
  let instead: string | undefined
  const kid = () => `key-${generation}`
  const server = createServer({ cert: certPem, key: keyPem }, (request, response) => {
    void answer(request.url ?? '').then(body => response.end(body))
  })
  const listening = await listen(server, at)
  const url = `https://127.0.0.1:${listening.port}`
  const answer = async (path: string): Promise<string> => {
    if (path.endsWith('openid-configuration')) return JSON.stringify({ issuer: url, jwks_uri: `${url}/keys` })
    asked++
    if (instead !== undefined) return instead
    return JSON.stringify({ keys: [{ ...(await exportJWK(pair.publicKey)), kid: kid(), use: 'sig', alg: 'ES256' }] })
  }
  return {
    url,
    asked: () => asked,
    rotate: async () => {
      generation++
      pair = await generateKeyPair('ES256')
    },
    sign: async (claims, options = {}) => {
      const header = { alg: 'ES256', kid: kid(), ...options }
      return new Secret(await new SignJWT(claims).setProtectedHeader(header).sign(pair.privateKey))
    },
    answerWith: body => {
      instead = body
    },
    close: () => listening.close(),
  }
}

/** `clock.ms` is the time of the keys' keeper. */
export const trustIssuers = async (
  clock: { ms: number },
  files: Record<string, unknown> = {},
  kept: KeptKeys = keptInMemory(),
): Promise<IssuerKeys & { close(): Promise<void> }> => {
  const dispatcher = new Agent({ connect: { ca: (await authority).certPem }, keepAliveTimeout: 10 })
  const keys = keepIssuerKeys({
    fetchJson: url => fetchJson(url, dispatcher),
    readJson: async path => files[path],
    nowMs: () => clock.ms,
    kept,
  })
  return { ...keys, close: () => dispatcher.close() }
}

const keptInMemory = (): KeptKeys => {
  const documents = new Map<string, unknown>()
  return { read: async name => documents.get(name), write: async (name, document) => void documents.set(name, document) }
}
