import { isPublic, parseAddress } from '../../judge/addresses.ts'
import { discoveryUrl, type Fetched, judgeDiscovery, judgeKeySet, judgeSignature, maxDocumentBytes } from '../../judge/federation/issuer.ts'
import type { Finding } from '../../judge/federation/token.ts'
import { isInside } from '../../judge/federation/urls.ts'
import type { Token } from '../../judge/spiffe/token.ts'
import type { Outcome, Warning } from '../../wire/result.ts'
import { aborted } from '../finding.ts'
import type { Answered, Ask, Question } from './ask.ts'

/** AWS gives up on an issuer after some five seconds: so do we, lest a slow one takes the whole run. */
const patienceMs = 5000
const slowMs = 2500

/** What our own look at the issuer came to. `stopped`: nothing can be said, since the run ended or the policy did not let us look. */
export type IssuerCheck = {
  documents: Finding | null
  signature: Finding | null
  detail: string
  warnings: Warning[]
  documentsMs: number
  signatureMs: number
  stopped?: Extract<Outcome, { kind: 'unmeasured' }>
}

/**
 * Fetches the discovery document and the keys as a cloud does, with no redirect followed, and verifies the signature with them. That they can be had from here does not
 * prove that a cloud can have them, and the other way round.
 */
export const checkIssuer = async (issuer: string, token: Token, ask: Ask, signal: AbortSignal): Promise<IssuerCheck> => {
  const start = performance.now()
  const nothing = { signature: null, warnings: [] as Warning[], signatureMs: 0 }
  const done = (documents: Finding | null, detail: string): IssuerCheck => ({
    ...nothing,
    documents,
    detail,
    documentsMs: performance.now() - start,
  })
  const limit = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)])
  const wellKnown = discoveryUrl(issuer)
  if (!wellKnown) return invalid(done, `the issuer ${JSON.stringify(issuer.slice(0, 200))} is no https URL: no cloud can look for its keys`)
  let judged: ReturnType<typeof judgeDiscovery> | undefined
  const toKeys = (answer: Answered): Question | undefined => {
    judged = judgeDiscovery(issuer, wellKnown, fetchedOf(answer))
    return 'keys' in judged ? documentAt(judged.keys) : undefined
  }
  const discovery = await ask({ ...documentAt(wellKnown), onward: toKeys }, limit)
  if ('outcome' in discovery) return unreached(done, wellKnown, discovery.outcome, signal)
  if (!judged || 'reason' in judged) return done(judged ?? null, judged?.detail ?? '')
  const set = discovery.onward ?? { outcome: aborted }
  if ('outcome' in set) return unreached(done, judged.keys, set.outcome, signal)
  const keys = judgeKeySet(judged.keys, fetchedOf(set.answer))
  if ('reason' in keys) return done(keys, keys.detail)
  const found = done(
    null,
    `${keys.keys.length} ${keys.keys.length === 1 ? 'key' : 'keys'} at ${judged.keys.href}; reached from here, which does not prove that the cloud reaches it`,
  )
  const verifying = performance.now()
  const signature = judgeSignature(token, keys.keys) ?? null
  return {
    ...found,
    signature,
    signatureMs: performance.now() - verifying,
    warnings: warningsOf(wellKnown, discovery.answer.address, found.documentsMs),
  }
}

const invalid = (done: (finding: Finding, detail: string) => IssuerCheck, detail: string): IssuerCheck =>
  done({ reason: 'discovery_invalid', detail }, detail)

const unreached = (
  done: (finding: Finding | null, detail: string) => IssuerCheck,
  url: URL,
  outcome: Outcome,
  signal: AbortSignal,
): IssuerCheck => {
  const detail = outcome.kind === 'ok' ? '' : outcome.detail
  if (outcome.kind === 'unmeasured' && (signal.aborted || outcome.reason === 'target_denied'))
    return { ...done(null, detail), stopped: outcome }
  const said = `${url.href} can't be fetched from here: ${detail}`
  return done({ reason: 'issuer_unreachable', detail: said }, said)
}

const documentAt = (url: URL): Question => ({ url, headers: { accept: 'application/json' }, maxBodyBytes: maxDocumentBytes })

const fetchedOf = ({ status, headers, body, truncated }: Answered): Fetched => ({
  status,
  contentType: headers['content-type']?.slice(0, 100) ?? null,
  location: headers.location?.slice(0, 300),
  body,
  tooLarge: truncated,
})

const warningsOf = (url: URL, address: string, ms: number): Warning[] => {
  const bytes = parseAddress(address)
  const isPrivate = bytes !== undefined && !isPublic(bytes) && !isInside(url.hostname)
  return [
    ...(ms > slowMs ? [{ code: 'issuer_slow' as const, detail: `its documents took ${Math.round(ms)} ms` }] : []),
    ...(isPrivate ? [{ code: 'issuer_private' as const, detail: `${url.hostname} is ${address} here` }] : []),
  ]
}
