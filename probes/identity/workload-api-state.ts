import type { X509Certificate } from 'node:crypto'
import { isSameId, parseSpiffeId, parseTrustDomain } from '../../judge/spiffe/id.ts'
import { buildSvid, keyPem, parseDerCertificates, parseKey, pemOf, uriNames } from './certificates.ts'
import { buildIdentity, type Identity, type IdentityProblem, problem, type Svid, type TrustBundle } from './identity.ts'
import type { X509BundlesResponse, X509SvidMessage, X509SvidResponse } from './workload-api-messages.ts'

/** What one stream last said, parsed: complete state, so a later one takes the place of it all. */
export type Part = {
  svids: readonly Svid[]
  bundles: ReadonlyMap<string, TrustBundle>
  crls: readonly Uint8Array[]
  problems: readonly IdentityProblem[]
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** The SVIDs that can be used, a problem for each that cannot. Of two with one hint only the first counts (SPIFFE_Workload_API.md §5.2.1). */
export const parseSvidPart = (place: string, response: X509SvidResponse): Part => {
  const svids: Svid[] = []
  const problems: IdentityProblem[] = []
  const bundles = new Map<string, TrustBundle>()
  const hints = new Set<string>()
  for (const message of response.svids) {
    const name = message.spiffeId || '(no SPIFFE ID)'
    if (message.hint && hints.has(message.hint)) {
      problems.push(problem('duplicate_hint', `${place}: two SVIDs have the hint "${message.hint}"; ${name} is left out`))
      continue
    }
    hints.add(message.hint)
    const svid = parseSvid(place, name, message)
    if ('code' in svid) problems.push(svid)
    else svids.push(svid)
    const parsed = parseSpiffeId(message.spiffeId)
    if (parsed.ok && !bundles.has(parsed.id.trustDomain)) addBundle(place, parsed.id.trustDomain, message.bundle, bundles, problems)
  }
  if (response.svids.length === 0)
    problems.push(problem('no_identity', `${place}: the answer holds no SVID; register this workload (spire-server entry create)`))
  for (const [id, der] of response.federatedBundles) addBundle(place, id, der, bundles, problems)
  return { svids, bundles, crls: response.crls, problems }
}

export const parseBundlesPart = (place: string, response: X509BundlesResponse): Part => {
  const problems: IdentityProblem[] = []
  const bundles = new Map<string, TrustBundle>()
  for (const [id, der] of response.bundles) addBundle(place, id, der, bundles, problems)
  return { svids: [], bundles, crls: response.crls, problems }
}

const isSame = (a: string, b: string): boolean => {
  const [one, other] = [parseSpiffeId(a), parseSpiffeId(b)]
  return one.ok && other.ok ? isSameId(one.id, other.id) : a === b
}

const parseSvid = (place: string, name: string, message: X509SvidMessage): Svid | IdentityProblem => {
  let chain: X509Certificate[]
  try {
    chain = parseDerCertificates(message.chain)
  } catch (error) {
    return problem('svid_parse', `${place}: the certificates of ${name}: ${reasonOf(error)}`)
  }
  const leaf = chain[0]
  if (!leaf) return problem('svid_parse', `${place}: ${name} comes without a certificate`)
  const ids = uriNames(leaf)
  if (message.spiffeId && !ids.some(id => isSame(id, message.spiffeId)))
    return problem(
      'svid_parse',
      `${place}: the SVID is announced as ${name} and its certificate says ${ids.join(', ').slice(0, 300) || 'no URI'}`,
    )
  try {
    const key = parseKey(message.key)
    if (!leaf.checkPrivateKey(key)) return problem('key_mismatch', `${place}: the private key of ${name} does not fit its certificate`)
    return buildSvid(chain, keyPem(key), { id: message.spiffeId || ids[0], hint: message.hint })
  } catch (error) {
    return problem('svid_parse', `${place}: ${name}: ${reasonOf(error)}`)
  }
}

/** A bundle that cannot be parsed or has no authority is held as one that vouches for nobody, and said to be so. */
const addBundle = (place: string, named: string, der: Uint8Array, bundles: Map<string, TrustBundle>, problems: IdentityProblem[]): void => {
  const parsed = parseTrustDomain(named)
  if (!parsed.ok) {
    problems.push(problem('bundle_missing', `${place}: a bundle for ${JSON.stringify(named.slice(0, 300))}: ${parsed.problems.join('; ')}`))
    return
  }
  const { trustDomain } = parsed
  let authorities: X509Certificate[] = []
  try {
    authorities = parseDerCertificates(der)
    if (authorities.length === 0) problems.push(problem('bundle_missing', `${place}: the bundle of ${trustDomain} is empty`))
  } catch (error) {
    problems.push(problem('bundle_missing', `${place}: the bundle of ${trustDomain}: ${reasonOf(error)}`))
  }
  bundles.set(trustDomain, { authoritiesPem: pemOf(authorities), authorities: authorities.length })
}

/**
 * What both streams say together. `newest` comes last: where both hold a trust domain, the later message counts. A problem of one stream stands
 * beside what the other gives.
 */
export const mergeParts = (place: string, parts: readonly Part[], problems: readonly IdentityProblem[]): Identity => {
  const seen = new Set<string>()
  const all = [...problems, ...parts.flatMap(part => part.problems)].filter(one => !seen.has(one.detail) && seen.add(one.detail))
  return buildIdentity(place, {
    svids: parts.flatMap(part => part.svids),
    bundles: new Map(parts.flatMap(part => [...part.bundles])),
    crls: parts.flatMap(part => part.crls),
    problems: all,
  })
}
