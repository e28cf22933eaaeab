/**
 * The keys of issuers (RFC 7517), kept: for as long as an issuer is away its tokens are judged by the keys that it had, also by a controller that starts meanwhile. A key that is not known is asked
 * for again, but at most once a minute for an issuer, whoever makes up key IDs.
 */
import { createLocalJWKSet, type JSONWebKeySet } from 'jose'
import { isObject } from '../../judge/spiffe/json.ts'

export type Issuer = { issuer: string /** Default: by discovery. */; jwks?: { url: string } | { file: string } }
export type KeyResolver = ReturnType<typeof createLocalJWKSet>
export type FoundKey = { ok: true; resolve: KeyResolver } | { ok: false; why: 'unreachable' | 'unknown'; detail: string }
export type IssuerKeys = { find(issuer: Issuer, keyId: string): Promise<FoundKey> }

export type IssuerKeysOptions = {
  /** Throws when there is no document. */
  fetchJson: (url: string) => Promise<unknown>
  readJson: (path: string) => Promise<unknown>
  /** Monotonic. */
  nowMs: () => number
  /** What outlives this process: only public keys. By the issuer and where its keys are. */
  kept: KeptKeys
}
export type KeptKeys = { read(name: string): Promise<unknown>; write(name: string, document: object): Promise<void> }

/** Between two questions to an issuer for keys that are not known. */
const askAgainMs = 60_000
/** After so long known keys are looked at again, so that one that was withdrawn does not stay. */
const refreshMs = 3_600_000

type Held = { document: JSONWebKeySet; keyIds: ReadonlySet<string>; resolve: KeyResolver }
type Entry = { held?: Held; fetchedMs?: number; askedMs?: number; problem?: string; asking?: Promise<void> }

export const keepIssuerKeys = (options: IssuerKeysOptions): IssuerKeys => {
  const { nowMs, kept } = options
  const entries = new Map<string, Entry>()
  const ask = async (entry: Entry, issuer: Issuer, name: string): Promise<void> => {
    entry.askedMs = nowMs()
    try {
      const held = readKeys(await load(issuer, options))
      const isNew = JSON.stringify(held.document) !== JSON.stringify(entry.held?.document)
      entry.held = held
      entry.fetchedMs = nowMs()
      delete entry.problem
      // Not kept is kept at the next change; who asks now has the keys.
      if (isNew) await kept.write(name, held.document).catch(() => {})
    } catch (error) {
      entry.problem = error instanceof Error ? error.message : String(error)
      entry.held ??= await readKept(name)
    }
  }
  const readKept = async (name: string): Promise<Held | undefined> => {
    try {
      return readKeys(await kept.read(name))
    } catch {
      return undefined
    }
  }
  const mayAsk = ({ askedMs }: Entry): boolean => askedMs === undefined || nowMs() - askedMs >= askAgainMs
  const isFresh = ({ fetchedMs }: Entry): boolean => fetchedMs !== undefined && nowMs() - fetchedMs < refreshMs
  return {
    find: async (issuer, keyId) => {
      // An issuer whose keys are looked for elsewhere from now on is another.
      const name = JSON.stringify([issuer.issuer, issuer.jwks])
      const entry = entries.get(name) ?? {}
      entries.set(name, entry)
      const isKnown = (): boolean => entry.held?.keyIds.has(keyId) ?? false
      if (!(isKnown() && isFresh(entry)) && (entry.asking || mayAsk(entry))) {
        // Who comes meanwhile waits for the same answer.
        entry.asking ??= ask(entry, issuer, name).finally(() => delete entry.asking)
        await entry.asking
      }
      if (entry.held && isKnown()) return { ok: true, resolve: entry.held.resolve }
      if (entry.problem !== undefined) return { ok: false, why: 'unreachable', detail: `the keys of ${issuer.issuer}: ${entry.problem}` }
      return { ok: false, why: 'unknown', detail: `the key is not among those of ${issuer.issuer}` }
    },
  }
}

/** By what the configuration says, else by discovery (OpenID Connect Discovery 1.0 §4). */
const load = async ({ issuer, jwks }: Issuer, { fetchJson, readJson }: IssuerKeysOptions): Promise<unknown> => {
  if (jwks) return await ('url' in jwks ? fetchJson(jwks.url) : readJson(jwks.file))
  const document = await fetchJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)
  if (!isObject(document) || document['issuer'] !== issuer) throw new Error('the discovery document is not of this issuer')
  const { jwks_uri: url } = document
  if (typeof url !== 'string') throw new Error('the discovery document has no jwks_uri')
  return await fetchJson(url)
}

/** Only public keys that may sign and have an ID: no token is judged by a key that it does not name. */
const readKeys = (document: unknown): Held => {
  if (!isObject(document) || !Array.isArray(document['keys'])) throw new Error('no JWK set')
  const usable = document['keys'].filter(
    (key): key is Record<string, unknown> & { kid: string } =>
      isObject(key) && typeof key['kid'] === 'string' && ['RSA', 'EC'].includes(String(key['kty'])) && (key['use'] ?? 'sig') === 'sig',
  )
  if (usable.length === 0) throw new Error('no key in the JWK set that may sign')
  const set = { keys: usable } as unknown as JSONWebKeySet
  return { document: set, keyIds: new Set(usable.map(({ kid }) => kid)), resolve: createLocalJWKSet(set) }
}
