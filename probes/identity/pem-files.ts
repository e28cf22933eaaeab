import { type BigIntStats, statSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { parseTrustDomain } from '../../judge/spiffe/id.ts'
import { parseBundleText, parsePemBundle } from './bundle-file.ts'
import { buildSvid, parseKey, parsePem, uriNames } from './certificates.ts'
import { buildIdentity, type Identity, type IdentityProblem, problem, type ReadIdentity, type Svid } from './identity.ts'
import { readTextFile } from './text-file.ts'

/** Paths. `key` may be left out when the key stands in the certificate's file. `bundles` by name of the trust domain: SPIFFE bundle document or PEM. */
export type PemPaths = { cert?: string; key?: string; ca?: string; bundles?: Readonly<Record<string, string>> }

/** What one file or a pair of files gives. `read` answers with the last good value while the files are bad. */
type Held<T> = { read(): Promise<void>; good?: T; problem?: IdentityProblem }

/** The key and the certificate are each good, but not for one another. */
class PairMismatch extends Error {}

/**
 * Certificate, key, authorities and bundles from files, read again when a file has changed (inode, time, size) at the time of use, so a renewal
 * by rename or by a Kubernetes volume needs no restart. A file that is half written, or a key that does not fit its certificate yet, leaves
 * the last good one in use, with a problem that says so.
 */
export const openPemFiles = ({ cert, key, ca, bundles = {} }: PemPaths): ReadIdentity => {
  const pair = cert ? hold([...new Set([cert, key ?? cert])], parsePair) : undefined
  const authorities = ca ? hold([ca], ([text]) => parsePemBundle(text!)) : undefined
  const named = Object.entries(bundles).map(([name, path]) => ({
    name: parseTrustDomain(name),
    path,
    held: hold([path], ([text]) => parseBundleText(text!)),
  }))
  const fixed = [
    ...(key && !cert ? [problem('file_invalid', `${key}: a private key without its certificate; give --cert too`)] : []),
    ...named.flatMap(({ name, path }) =>
      name.ok ? [] : [problem('file_invalid', `the trust domain of the bundle ${path}: ${name.problems.join('; ')}`)],
    ),
  ]
  const source = `files ${[...new Set([cert, key, ca, ...Object.values(bundles)])].filter(Boolean).join(', ') || '(none)'}`
  const all = [pair, authorities, ...named.map(one => one.held)].filter(one => one !== undefined)
  let state: unknown[] = []
  let identity: Identity | undefined
  return async () => {
    await Promise.all(all.map(one => one.read()))
    const now = all.flatMap(({ good, problem }): unknown[] => [good, problem])
    // The same object until something changes, so that what others derive from it is derived once.
    if (identity && now.every((value, index) => value === state[index])) return identity
    state = now
    identity = buildIdentity(source, {
      svids: pair?.good ? [pair.good] : [],
      bundles: new Map(named.flatMap(({ name, held }) => (name.ok && held.good ? [[name.trustDomain, held.good] as const] : []))),
      ...(authorities?.good ? { caPem: authorities.good.authoritiesPem } : {}),
      problems: [...fixed, ...all.flatMap(one => (one.problem ? [one.problem] : []))],
    })
    return identity
  }
}

const hold = <T>(paths: readonly string[], parse: (texts: string[]) => T): Held<T> => {
  let known: string | undefined
  let reading: Promise<void> | undefined
  const place = paths.join(' and ')
  const held: Held<T> = {
    // Runs that come at the same time share one reading.
    read: () =>
      (reading ??= refresh().finally(() => {
        reading = undefined
      })),
  }
  const refresh = async (): Promise<void> => {
    const stamp = stampOf(paths)
    if (stamp !== undefined && stamp === known) return
    let read = readAndParse(paths, parse)
    // It may have been caught between the two renames of a renewal.
    if (read.error instanceof PairMismatch) {
      await setImmediate()
      read = readAndParse(paths, parse)
    }
    known = read.stamp
    if (read.error === undefined) {
      held.good = read.value
      held.problem = undefined
    } else if (held.good !== undefined)
      held.problem = problem('file_stale', `${place}: ${read.error.message}; the last good one is still in use`)
    else {
      const code = read.error instanceof PairMismatch ? 'file_key_mismatch' : read.stamp === undefined ? 'file_unreadable' : 'file_invalid'
      held.problem = problem(code, `${place}: ${read.error.message}`)
    }
  }
  return held
}

/** Undefined when a file cannot be looked at. Synchronous: stat(2) takes microseconds, and the thread pool's part in it a hundred. */
const stampOf = (paths: readonly string[]): string | undefined => {
  const stats = paths.map(path => lookAt(path))
  return stats.includes(undefined) ? undefined : stats.map(one => [one!.ino, one!.size, one!.mtimeNs, one!.ctimeNs].join(':')).join(' ')
}

const lookAt = (path: string): BigIntStats | undefined => {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false })
  } catch {
    return undefined
  }
}

type Read<T> = { stamp?: string; value: T; error?: undefined } | { stamp?: string; error: Error }

const readAndParse = <T>(paths: readonly string[], parse: (texts: string[]) => T): Read<T> => {
  const files = paths.map(readTextFile)
  const texts: string[] = []
  for (const [i, file] of files.entries()) {
    if ('error' in file) return { error: new Error(paths.length > 1 ? `${paths[i]}: ${file.error}` : file.error) }
    texts.push(file.text)
  }
  const stamp = files.map(file => ('stamp' in file ? file.stamp : '')).join(' ')
  try {
    return { stamp, value: parse(texts) }
  } catch (error) {
    return { stamp, error: error as Error }
  }
}

const parsePair = (texts: string[]): Svid => {
  const [first, last] = [parsePem(texts[0]!), parsePem(texts.at(-1)!)]
  const leaf = first.certificates[0]
  if (!leaf) throw new Error(texts[0]!.trim() === '' ? 'the certificate file is empty' : 'no certificate in the certificate file')
  const key = last.keys[0]
  if (!key) throw new Error('no private key (PEM) in the key file')
  if (!leaf.checkPrivateKey(parseKey(key))) throw new PairMismatch('the private key does not fit the certificate')
  const id = uriNames(leaf).find(name => /^spiffe:/i.test(name))
  return buildSvid(first.certificates, key, { id })
}
