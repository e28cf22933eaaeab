/** The controller's own key, which signs agents' credentials: made on first start, kept in the store, the same for all replicas. */
import { exportJWK, generateKeyPair, importJWK, type JWK } from 'jose'
import { claimSetting, getSetting, putSetting } from '../store/settings.ts'
import type { Store } from '../store/store.ts'

/** RFC 7518 §3.4. */
export const signingAlgorithm = 'ES256'
const setting = 'enrol/signing-keys'

type ImportedKey = Awaited<ReturnType<typeof importJWK>>
export type Signer = {
  keyId: string
  key: ImportedKey
  /** Public keys by their IDs: those before the present one too, as long as what they signed may live. */
  verify: ReadonlyMap<string, ImportedKey>
}

type Means = { store: Pick<Store, 'read' | 'write'>; random: (bytes: number) => Uint8Array; nowMs: number }
type StoredKeys = { keys: readonly (JWK & { kid: string })[] }

const makeKey = async (random: Means['random']): Promise<StoredKeys['keys'][number]> => {
  const { privateKey } = await generateKeyPair(signingAlgorithm, { extractable: true })
  return { ...(await exportJWK(privateKey)), kid: Buffer.from(random(8)).toString('hex') }
}

/** Newest first. */
const importKeys = async ({ keys }: StoredKeys): Promise<Signer> => {
  const verify = new Map<string, ImportedKey>()
  for (const { d: _, ...publicKey } of keys) verify.set(publicKey.kid, await importJWK(publicKey, signingAlgorithm))
  const newest = keys[0]!
  return { keyId: newest.kid, key: await importJWK(newest, signingAlgorithm), verify }
}

export const loadSigner = async ({ store, random, nowMs }: Means): Promise<Signer> => {
  const held = await store.read(sql => getSetting<StoredKeys>(sql, setting))
  if (held) return await importKeys(held)
  const made: StoredKeys = { keys: [await makeKey(random)] }
  // Of replicas that start at once the first one's counts.
  return await importKeys(await store.write(sql => claimSetting(sql, setting, made, nowMs), { idempotent: true }))
}

/** A new key; the former one still verifies until the next rotation, which must be more than a credential's life away. Other replicas load anew. */
export const rotateSigner = async ({ store, random, nowMs }: Means): Promise<Signer> => {
  const made = await makeKey(random)
  const stored = await store.write(async sql => {
    const former = (await getSetting<StoredKeys>(sql, setting))?.keys[0]
    const next: StoredKeys = { keys: former ? [made, former] : [made] }
    await putSetting(sql, setting, next, nowMs)
    return next
  })
  return await importKeys(stored)
}
