/** Two simulated clouds, 5 ms apart each way, each a trust domain with an identity plane of its own: the stage of the identity scenarios. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startNetwork } from '../../deploy/sim/network.ts'
import type { AuthorityOptions } from '../servers/authority.ts'
import type { MtlsOptions, MtlsVariant } from '../servers/mtls-servers.ts'
import { makeTrustDomain, type TestSvid, type TrustDomain } from '../servers/spiffe.ts'
import type { SpiffeReady, SpiffeSpec } from '../servers/spiffe-main.ts'
import { startWorkloadApi, type WorkloadApi, type WorkloadState } from '../servers/workload-api.ts'
import { cleanEnv } from './clean-env.ts'
import { type CloudPair, port } from './cloud-pair.ts'
import { type ProbeRun, probeIn } from './probe-in.ts'
import { makeSvidFolder, type SvidFolder } from './svid-files.ts'
import type { SvidServer } from './svid-servers.ts'

type SiteName = 'aws' | 'azure'
type Served = Pick<TestSvid, 'chainPem' | 'keyPem'>
export type Serving = { variant?: MtlsVariant; site?: SiteName; accepts?: readonly TrustDomain[] } & Omit<Partial<MtlsOptions>, 'accepts'>

export type IdentityPair = Omit<CloudPair, 'ca'> & {
  aws: TrustDomain
  azure: TrustDomain
  files: SvidFolder
  /** An mTLS server, in azure unless told, that lets aws in unless told. Resolves with its target when it listens. */
  serve(svid: Served, serving?: Serving): Promise<string>
  /** Bundle endpoints and what else `spiffe-main.ts` knows, in azure. */
  startSpiffe(spec: Omit<SpiffeSpec, 'trustDomains'>): Promise<SpiffeReady>
  /** A Workload API on a socket that both sites see. */
  startWorkloadApi(state: WorkloadState): Promise<WorkloadApi>
  /** The words for an SVID in files, and the bundles. */
  identify(svid: Served, ...bundles: TrustDomain[]): string[]
  /** `probe run` from a site, aws unless told. */
  probe(words: string[], from?: SiteName): Promise<ProbeRun>
}

const program = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

/** The first authority of each trust domain is of the usual kind unless told. Whoever starts it disposes of it. */
export async function startIdentityPair(first: { [S in SiteName]?: Partial<AuthorityOptions> } = {}): Promise<IdentityPair> {
  const links = [
    { from: 'aws', to: 'azure', delayMs: 5 },
    { from: 'azure', to: 'aws', delayMs: 5 },
  ] as const
  const network = await startNetwork({ sites: { aws: {}, azure: {} }, links: [...links] })
  const files = makeSvidFolder()
  const [aws, azure] = await Promise.all([makeTrustDomain('aws.test', first.aws), makeTrustDomain('azure.test', first.azure)])
  const opened: WorkloadApi[] = []
  let made = 0
  const { address } = network.sites.azure
  const start = async (site: SiteName, file: string, argument: string): Promise<string> => {
    const argv = [process.execPath, program(file), argument]
    const child: ChildProcess = network.spawn(site, argv, { stdio: ['pipe', 'pipe', 'inherit'], env: cleanEnv })
    const [line] = (await Promise.race([
      once(child.stdout!, 'data'),
      once(child, 'exit').then(([code]) => Promise.reject(new Error(`${file} ended with ${code}`))),
    ])) as [Buffer]
    return line.toString()
  }
  const stop = async () => {
    await Promise.all(opened.map(api => api.close()))
    await network.stop()
    files.remove()
  }
  return {
    ...network,
    address,
    target: `mtls://${address}:${port}`,
    aws,
    azure,
    files,
    async serve({ chainPem, keyPem }, { site = 'azure', accepts = [aws], ...options } = {}) {
      made += 1
      const host = network.sites[site].address
      const at = { host, port: port + made - 1 }
      const pem = accepts.map(domain => domain.bundlePem()).join('')
      const spec: SvidServer = { ...at, ...options, svid: { chainPem, keyPem }, accepts: pem }
      await start(site, './svid-servers.ts', files.write(`server-${made}.json`, JSON.stringify([spec])))
      return `mtls://${at.host}:${at.port}`
    },
    startSpiffe: async spec =>
      JSON.parse(
        await start('azure', '../servers/spiffe-main.ts', JSON.stringify({ ...spec, trustDomains: [aws.save(), azure.save()] })),
      ) as SpiffeReady,
    async startWorkloadApi(state) {
      made += 1
      const api = await startWorkloadApi(state, { path: join(files.path, `api-${made}.sock`) })
      opened.push(api)
      return api
    },
    identify(svid, ...bundles) {
      made += 1
      const { certFile, keyFile } = files.svid(`own-${made}`, svid)
      return ['--cert', certFile, '--key', keyFile, ...words(files, bundles)]
    },
    probe: (words, from = 'aws') => probeIn(network, from, words),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

const words = (files: SvidFolder, bundles: readonly TrustDomain[]): string[] =>
  bundles.flatMap(domain => Object.entries(files.bundle(domain)).flatMap(([name, file]) => ['--bundle', `${name}=${file}`]))
