/**
 * The controller's own authority, made on first start and the same ever after: agents that joined by a token trust it by its fingerprint. Several replicas
 * share one, so with PostgreSQL it is kept in the store, where the first replica's counts; else in the data directory, `ca.pem` and `ca.key` (mode 0600). Who
 * can read either can be the controller: the store holds the keys that sign agents' credentials as well.
 */
import { X509Certificate } from 'node:crypto'
import { chmod, mkdir, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { Secret } from '../../wire/secret.ts'
import { claimSetting, getSetting } from '../store/settings.ts'
import type { Store } from '../store/store.ts'
import { judgeGiven } from './judge-given.ts'
import { type Authority, makeAuthority } from './mint.ts'
import { BadTlsFile } from './tls-files.ts'

export type OwnAuthorityOptions = {
  directory: string
  store: Pick<Store, 'kind' | 'name' | 'read' | 'write'>
  random: (bytes: number) => Uint8Array
  nowMs: number
}

const setting = 'authority/ca'
type StoredAuthority = { certPem: string; keyPem: string }

/** Throws `BadTlsFile`, saying what to do, when what there is cannot be used. */
export const loadOwnAuthority = async ({ directory, store, random, nowMs }: OwnAuthorityOptions): Promise<Authority> => {
  const files = { cert: join(directory, 'ca.pem'), key: join(directory, 'ca.key') }
  if (store.kind === 'sqlite') return (await readAuthority(files)) ?? (await writeAuthority(directory, files, { random, nowMs }))
  const held = await store.read(sql => getSetting<StoredAuthority>(sql, setting))
  if (held) return fromStored(held, store.name)
  // One that a single controller has had before it moved to PostgreSQL goes on, and with it what its agents trust.
  const { certPem, key } = (await readAuthority(files)) ?? (await makeAuthority({ random, nowMs }))
  const offered: StoredAuthority = { certPem, keyPem: key.reveal() }
  return fromStored(await store.write(sql => claimSetting(sql, setting, offered, nowMs), { idempotent: true }), store.name)
}

const fromStored = ({ certPem, keyPem }: StoredAuthority, store: string): Authority => {
  const problem = judgeGiven({ certPem, keyPem, files: { cert: `the setting ${setting} in ${store}`, key: 'its key' } })[0]
  if (problem !== undefined)
    throw new BadTlsFile(`${problem}; or delete it for a new authority, which agents must be told of by a new join token`)
  return { certPem, key: new Secret(keyPem) }
}

const remedy = (files: { cert: string; key: string }): string =>
  `restore ${files.cert} and ${files.key} from a backup, or remove both for a new authority: agents that joined by a token must then join again`

const readAuthority = async (files: { cert: string; key: string }): Promise<Authority | undefined> => {
  const [certPem, keyPem] = [await readIfThere(files.cert), await readIfThere(files.key)]
  // A key alone is a first start that was interrupted: the certificate is written last, so nobody has seen it.
  if (certPem === undefined) return undefined
  if (keyPem === undefined) throw new BadTlsFile(`${files.key} is missing, and ${files.cert} is there: ${remedy(files)}`)
  const [problem] = judgeGiven({ certPem, keyPem, files })
  if (problem !== undefined) throw new BadTlsFile(`${problem}: ${remedy(files)}`)
  if (!new X509Certificate(certPem).ca) throw new BadTlsFile(`${files.cert} is not the certificate of an authority: ${remedy(files)}`)
  return { certPem, key: new Secret(keyPem) }
}

const readIfThere = async (path: string): Promise<string | undefined> => {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw new BadTlsFile(`${path} cannot be read (${code}): make it readable for the user that the controller runs as`)
  }
}

type Means = Pick<OwnAuthorityOptions, 'random' | 'nowMs'>

const writeAuthority = async (directory: string, files: { cert: string; key: string }, means: Means): Promise<Authority> => {
  const made = await makeAuthority(means)
  try {
    await mkdir(directory, { recursive: true })
    await writeWhole(files.key, made.key.reveal(), 0o600)
    await writeWhole(files.cert, made.certPem, 0o644)
    const handle = await open(directory)
    await handle.sync().finally(() => handle.close())
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new BadTlsFile(
      `the controller's own authority cannot be kept in ${directory} (${code}): make it writable, name another data directory, or give tls: { cert, key }`,
    )
  }
  return made
}

/** All of it or nothing, on disk when this resolves. */
const writeWhole = async (path: string, text: string, mode: number): Promise<void> => {
  const handle = await open(`${path}.new`, 'w', mode)
  try {
    // One that an interrupted start has left keeps its own mode.
    await chmod(`${path}.new`, mode)
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(`${path}.new`, path)
}
