/** The real `probe` command against workloads and bundle endpoints of a real SPIRE. */
import { X509Certificate } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import type { Identity } from '../../probes/identity/identity.ts'
import type { Diagnosis } from '../../wire/causes.ts'
import type { Result } from '../../wire/result.ts'
import { mtlsServers } from '../servers/mtls-servers.ts'
import { runToEnd } from './programs.ts'
import type { Spire } from './spire.ts'

const probeFile = fileURLToPath(new URL('../../cli/probe.mjs', import.meta.url))

export type Told<K extends 'mtls' | 'bundle'> = { code: number | null; result: Result<K>; diagnosis: Diagnosis[]; stdout: string }

/** The real command, with the Workload API of `from`. */
async function probe<K extends 'mtls' | 'bundle'>(kind: K, url: string, from: Spire, ...flags: string[]): Promise<Told<K>> {
  const args = [probeFile, 'run', url, '--workload-api', from.workloadApi, ...flags, '--output', 'json']
  const { code, stdout, stderr } = await runToEnd(process.execPath, args)
  if (!stdout.startsWith('{')) throw new Error(`probe run ${url} ended with ${code}: ${stdout}${stderr}`)
  const document = JSON.parse(stdout) as { results: (Result<K> & { kind: string })[]; diagnosis: Diagnosis[] }
  return { code, result: document.results.find(one => one.kind === kind)!, diagnosis: document.diagnosis, stdout }
}

export const authoritiesIn = (identity: Identity, trustDomain: string): X509Certificate[] =>
  (identity.bundles.get(trustDomain)?.authoritiesPem.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g) ?? []).map(
    pem => new X509Certificate(pem),
  )

/** Whether what the workload of `spire` presents was signed by an authority that `trusted` holds. */
export const isSignedByOneOf = (identity: Identity, authorities: X509Certificate[]): boolean => {
  const leaf = new X509Certificate(identity.svids[0]!.chainPem)
  return authorities.some(one => leaf.verify(one.publicKey))
}

/** A server of the workload of `to`, with what its agent gives it now: its SVID, and the other's bundle to verify clients with. */
export async function probeMtls(from: Spire, to: Spire): Promise<Told<'mtls'>> {
  const { svids, bundles } = await to.fetch()
  const server = await mtlsServers['like Envoy']({
    svid: { chainPem: svids[0]!.chainPem, keyPem: svids[0]!.key.reveal() },
    accepts: bundles.get(from.trustDomain)!.authoritiesPem,
  })
  try {
    return await probe('mtls', `mtls://127.0.0.1:${server.port}`, from, '--expect-id', to.workloadId)
  } finally {
    await server.close()
  }
}

export const probeBundle = (from: Spire, of: Spire): Promise<Told<'bundle'>> =>
  probe('bundle', `bundle+https://127.0.0.1:${of.endpoint.port}/`, from, '--expect-id', of.endpoint.id, '--trust-domain', of.trustDomain)
