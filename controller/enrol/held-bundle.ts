/** One trust domain's bundle as it is held: what of a new document is taken. Pure. */
import { type Bundle, readBundle, readBundleJson } from '../../judge/spiffe/bundle.ts'

/** As the settings keep it. `file`: SHA-256 of the configured file that was looked at last. */
export type StoredBundle = { document: string; fetchedMs: number; file?: string }
export type HeldBundle = StoredBundle & { bundle: Bundle }

export type Taken = {
  held: HeldBundle | undefined
  /** What is wrong all the same. */
  problem?: string
}

/** `from`: an endpoint serves JSON, and its sequence only grows; a file is the admin's word, JSON or PEM, whatever was held before. */
export const takeDocument = (held: HeldBundle | undefined, next: StoredBundle, from: 'endpoint' | 'file'): Taken => {
  const read = from === 'endpoint' ? readBundleJson(next.document, 'endpoint') : readBundle(Buffer.from(next.document))
  if (!read.ok) return { held, problem: read.violations[0]!.detail }
  const { bundle, violations } = read
  // As go-spiffe does: a document with a fault is none. A private key in it is its owner's trouble, and the authorities are as good as before.
  const fault = violations.find(({ rule }) => rule !== 'private_key_in_bundle')
  if (fault) return { held, problem: fault.detail }
  const back = from === 'endpoint' && held ? sayBack(bundle, held.bundle) : undefined
  if (back !== undefined) return { held, problem: back }
  const taken: HeldBundle = { ...next, bundle }
  if (violations[0]) return { held: taken, problem: violations[0].detail }
  // An empty bundle is valid: it revokes everything (Trust_Domain_and_Bundle §4.1.2).
  if (bundle.x509.length === 0) return { held: taken, problem: 'there is no X.509 authority in it: no SVID of this trust domain can enrol' }
  return { held: taken }
}

/** Trust_Domain_and_Bundle §4.1.1: the sequence only ever grows, so an older one is a copy that was left behind, or is played back. */
const sayBack = ({ sequence }: Bundle, { sequence: before }: Bundle): string | undefined =>
  sequence !== null && before !== null && sequence < before
    ? `the endpoint went back from sequence ${before} to ${sequence}; if the trust domain was set up anew, take it out of the fleet and apply, then add it again`
    : undefined

/** As it was stored; undefined when it cannot be read any more. */
export const readStored = (stored: StoredBundle): HeldBundle | undefined => {
  const read = readBundle(Buffer.from(stored.document))
  return read.ok ? { ...stored, bundle: read.bundle } : undefined
}

/** SPIFFE_Federation §4.1: without a refresh hint, consumers poll every five minutes. */
const defaultHintMs = 300_000
/** No endpoint is asked more often, and none more seldom: what was revoked shall not live on for days. */
const [leastMs, mostMs] = [30_000, 3_600_000]
const firstRetryMs = 5000
const lastRetryMs = 60_000

/** Until the next look, up to a tenth sooner, so that replicas don't come at once. `failures`: in a row. `random` is from 0 to below 1. */
export const nextLookMs = (bundle: Bundle | undefined, failures: number, random: number): number => {
  const hintMs = bundle?.refreshHintSeconds ? bundle.refreshHintSeconds * 1000 : defaultHintMs
  const regularMs = Math.min(mostMs, Math.max(leastMs, hintMs))
  const retryMs = Math.min(lastRetryMs, firstRetryMs * 2 ** Math.min(failures - 1, 10))
  return Math.round((failures > 0 ? Math.min(regularMs, retryMs) : regularMs) * (1 - random / 10))
}
