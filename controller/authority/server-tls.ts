/** What the controller's server shows, and always something that is in date: its own certificate is made anew in time, given files are read again when they change. */
import { constants, X509Certificate } from 'node:crypto'
import type { TlsOptions } from 'node:tls'
import type { Store } from '../store/store.ts'
import { issueServer, pinOf } from './mint.ts'
import { loadOwnAuthority } from './own-authority.ts'
import { readTlsFiles, type Shown, type TlsFiles } from './tls-files.ts'

/** Between two looks at files and clock. A mounted secret changes within minutes anyhow. */
const lookEveryMs = 5000
/** An end that is nearer than this is told. */
const warnMs = 7 * 86_400_000

export type ServerTlsOptions = {
  /** The data directory, where the controller's own authority is without `files` and PostgreSQL. */
  directory: string
  /** Given ones: then there is no authority of the controller's own. */
  files?: TlsFiles
  store: Pick<Store, 'kind' | 'name' | 'read' | 'write'>
  /** DNS names and addresses by which the server is reached: `servedNames`. */
  names: readonly string[]
  random: (bytes: number) => Uint8Array
  /** Of the day: dates of certificates are judged by it. */
  nowMs: () => number
  lookEveryMs?: number
}

export type ServerTls = {
  /** `caPem` and `caPin` are those of the authority that agents are told of; absent when it is a public one. */
  current(): Shown
  /** Calls after `current` has changed: time for `server.setSecureContext(secureContextOf(current()))`. Returns what ends it. */
  onChange(listener: () => void): () => void
  /** What is wrong meanwhile, each with its remedy. */
  problems(): readonly string[]
  /** Looks now. Never rejects: what is no good is a problem, and what was shown goes on. */
  look(): Promise<void>
  close(): void
}

/** For `https.createServer`. Reveals the key: hand it straight on. */
export const tlsOptionsOf = (shown: Shown): TlsOptions => ({
  ...secureContextOf(shown),
  // A client may show who it is; without `ca` every authority is as good, since SPIFFE's rules judge what is shown, and only where it is asked for.
  requestCert: true,
  rejectUnauthorized: false,
})

/** For `server.setSecureContext`. */
export const secureContextOf = ({ chainPem, key }: Shown): Pick<TlsOptions, 'cert' | 'key' | 'minVersion' | 'secureOptions'> => ({
  cert: chainPem,
  key: key.reveal(),
  minVersion: 'TLSv1.2',
  // A session that is taken up again has the client's own certificate and no longer its intermediates (SSL_get_peer_cert_chain(3)).
  secureOptions: constants.SSL_OP_NO_TICKET,
})

/** Rejects with `BadTlsFile` when there is nothing to begin with. */
export const openServerTls = async (options: ServerTlsOptions): Promise<ServerTls> => {
  const { nowMs } = options
  const load = await chooseSource(options)
  let shown = await load(undefined)
  let failure: string | undefined
  const listeners = new Set<() => void>()
  const look = async (): Promise<void> => {
    try {
      const next = await load(shown)
      failure = undefined
      if (isSame(next, shown)) return
      shown = next
    } catch (error) {
      failure = error instanceof Error ? error.message : String(error)
      return
    }
    for (const listener of listeners) listener()
  }
  let looking: Promise<void> | undefined
  const lookOnce = (): Promise<void> => (looking ??= look().finally(() => (looking = undefined)))
  const timer = setInterval(() => void lookOnce(), options.lookEveryMs ?? lookEveryMs)
  timer.unref()
  return {
    current: () => shown,
    onChange: listener => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    problems: () => [
      ...(failure === undefined ? [] : [`${failure}; what was shown before goes on`]),
      ...judgeDates(shown, nowMs(), options.files),
    ],
    look: async () => {
      // One that is under way may have read what was there before.
      await looking
      await lookOnce()
    },
    close: () => {
      clearInterval(timer)
      listeners.clear()
    },
  }
}

type Load = (before: Shown | undefined) => Promise<Shown>

const chooseSource = async ({ files, directory, store, names, random, nowMs }: ServerTlsOptions): Promise<Load> => {
  if (files) return () => readTlsFiles(files)
  const authority = await loadOwnAuthority({ directory, store, random, nowMs: nowMs() })
  const known = { caPem: authority.certPem, caPin: pinOf(authority.certPem) }
  const lastMs = new X509Certificate(authority.certPem).validToDate.getTime()
  return async before => {
    if (before && (before.notAfterMs >= lastMs || !isDue(before, nowMs()))) return before
    const { certPem, ...issued } = await issueServer(authority, names, { random, nowMs: nowMs() })
    return { ...issued, ...known, chainPem: certPem + authority.certPem }
  }
}

/** After two thirds of its life. Pure. */
const isDue = ({ notBeforeMs, notAfterMs }: Shown, nowMs: number): boolean => nowMs >= notBeforeMs + ((notAfterMs - notBeforeMs) * 2) / 3

const isSame = (a: Shown, b: Shown): boolean =>
  a === b || (a.chainPem === b.chainPem && a.caPem === b.caPem && a.key.reveal() === b.key.reveal())

const judgeDates = ({ notBeforeMs, notAfterMs }: Shown, nowMs: number, files: TlsFiles | undefined): string[] => {
  const whose = files ? files.cert : "the controller's own certificate"
  const iso = (ms: number): string => new Date(ms).toISOString()
  const remedy = files
    ? 'write a new one, it is read as soon as it is there'
    : 'its authority ends with it: docs/decisions/0006 says how to make a new one'
  if (nowMs < notBeforeMs) return [`${whose} is valid from ${iso(notBeforeMs)}: is the clock right?`]
  if (nowMs > notAfterMs) return [`${whose} expired at ${iso(notAfterMs)}: ${remedy}`]
  return nowMs > notAfterMs - warnMs ? [`${whose} expires at ${iso(notAfterMs)}: ${remedy}`] : []
}
