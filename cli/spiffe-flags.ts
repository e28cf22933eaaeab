/** The options about SPIFFE: bundles by trust domain, expected identities, the Workload API. Files are read here only to refuse bad ones early. */
import { parseSpiffeId, parseTrustDomain } from '../judge/spiffe/id.ts'
import type { Options } from '../wire/options.ts'
import { bad, good, type Parsed, quote } from '../wire/values.ts'
import type { Given } from './run-words.ts'
import { readSmallFile } from './small-file.ts'

export type SpiffeOptions = { mtls: Partial<Options['mtls']>; bundle: Partial<Options['bundle']> }

/** `SPIFFE_ENDPOINT_SOCKET` is honoured where no identity is given on the command line. */
export const readSpiffeFlags = async (given: Given, environment: Record<string, string | undefined>): Promise<Parsed<SpiffeOptions>> => {
  const problems: string[] = []
  const bundles: Record<string, string> = {}
  for (const text of given.bundle ?? []) {
    const [name = '', ...rest] = text.split('=')
    const path = rest.join('=')
    const domain = parseTrustDomain(name.replace(/^spiffe:\/\//, ''))
    if (!domain.ok || path === '')
      problems.push(`--bundle: got ${quote(text)}, want <trust domain>=<file>${domain.ok ? '' : ` (${domain.problems[0]})`}`)
    else if (Object.hasOwn(bundles, domain.trustDomain))
      problems.push(`--bundle: ${domain.trustDomain} is given twice, want one file for it`)
    else {
      bundles[domain.trustDomain] = path
      problems.push(...(await bundleProblems(path)).map(problem => `--bundle: ${path}: ${problem}`))
    }
  }
  const expectId = given['expect-id']?.[0]
  if (expectId !== undefined) {
    const id = parseSpiffeId(expectId)
    if (!id.ok) problems.push(...id.problems.map(problem => `--expect-id: ${quote(expectId)}: ${problem}`))
  }
  const domain = given['trust-domain']?.[0]
  const trustDomain = domain === undefined ? undefined : parseTrustDomain(domain)
  if (trustDomain && !trustDomain.ok) problems.push(...trustDomain.problems.map(problem => `--trust-domain: ${quote(domain!)}: ${problem}`))
  const profile = given.profile?.[0]
  if (profile !== undefined && profile !== 'https_web' && profile !== 'https_spiffe')
    problems.push(`--profile: got ${quote(profile)}, want https_web or https_spiffe`)
  if (problems.length) return bad(...problems)

  const workloadApi = given['workload-api']?.[0] ?? (given.cert ? undefined : environment['SPIFFE_ENDPOINT_SOCKET'] || undefined)
  const common = { workloadApi, bundles: Object.keys(bundles).length ? bundles : undefined }
  const named = trustDomain?.ok ? trustDomain.trustDomain : undefined
  return good({
    mtls: { ...common, expectId, expectTrustDomain: named },
    bundle: { ...common, endpointId: expectId, trustDomain: named, profile: profile as Options['bundle']['profile'] },
  })
}

/** Loads what reads certificates, a fifth of a second that nobody else needs to spend. */
const bundleProblems = async (path: string): Promise<string[]> => {
  const file = readSmallFile(path)
  if (!file.ok) return file.problems
  const { readBundle } = await import('../judge/spiffe/bundle.ts')
  const read = readBundle(file.value)
  const fatal = read.ok ? read.violations.filter(one => one.rule === 'private_key_in_bundle') : read.violations
  return fatal.map(one => one.detail)
}
