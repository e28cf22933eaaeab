/**
 * SPIFFE servers in a process of their own, so that they can run inside a network namespace: mTLS servers, bundle endpoints, Workload APIs. The
 * JSON spec is the one argument; one line of JSON says when all listen; then each line of stdin is a command, answered by one line. Ends with stdin.
 */
import { createInterface } from 'node:readline'
import { loadAuthority, makeAuthority } from './authority.ts'
import { type BundleAnswer, type BundleEndpoint, type BundleProfile, bundleAnswers, bundleEndpoints } from './bundle-endpoint.ts'
import type { At } from './listening.ts'
import { type MtlsOptions, type MtlsServer, type MtlsVariant, mtlsServers, startMtls } from './mtls-servers.ts'
import { loadTrustDomain, makeTrustDomain, type SavedTrustDomain, type SvidOptions, type TrustDomain } from './spiffe.ts'
import { startWorkloadApi, stateOf, type WorkloadApi, type WorkloadApiMode, workloadApiModes } from './workload-api.ts'

/** `domain`, `accepts` and `federated` are names of trust domains in the spec. */
type MtlsSpec = { kind: 'mtls'; variant: MtlsVariant; domain: string; accepts: string[]; svid?: SvidOptions } & Omit<
  MtlsOptions,
  'svid' | 'accepts'
>
type BundleSpec = { kind: 'bundle'; profile: BundleProfile; answer?: BundleAnswer; domain: string } & At
/** `path` is the socket's. */
type WorkloadSpec = {
  kind: 'workload-api'
  path: string
  domain: string
  svids: SvidOptions[]
  federated?: string[]
  mode?: WorkloadApiMode
}
export type SpiffeServerSpec = MtlsSpec | BundleSpec | WorkloadSpec

/** A trust domain by name is made anew. `web` is the authority for https_web; made anew unless given. */
export type SpiffeSpec = {
  trustDomains: (string | SavedTrustDomain)[]
  servers: SpiffeServerSpec[]
  web?: { certPem: string; keyPem: string }
}

export type SpiffeReady = {
  ready: true
  servers: { kind: string; host?: string; port?: number; url?: string; address?: string }[]
  trustDomains: SavedTrustDomain[]
  webPem: string
}

/** `server` is an index of the spec's list. `reissue`: a new SVID from the authority that signs now, and the present bundles of those it accepts. */
export type SpiffeCommand =
  | { domain: string; do: 'prepare' | 'activate' | 'retire' }
  | { server: number; answer: BundleAnswer }
  | { server: number; mode: WorkloadApiMode }
  | { server: number; do: 'reissue' | 'disappear' | 'appear' }
export type SpiffeReply = { done: true; trustDomains: SavedTrustDomain[] } | { error: string }

type Started = { close(): Promise<void>; row: SpiffeReady['servers'][number]; command: (command: SpiffeCommand) => Promise<void> }
type World = { domain: (name: string) => TrustDomain; web: Awaited<ReturnType<typeof makeAuthority>> }

function pick<T>(table: Record<string, T>, kind: string, name: string): T {
  const found = Object.hasOwn(table, name) ? table[name] : undefined
  if (found === undefined) throw new Error(`${kind} was "${name}", want one of: ${Object.keys(table).join(', ')}`)
  return found
}

const cannot = (command: SpiffeCommand): Error => new Error(`this server does not take ${JSON.stringify(command)}`)

async function startMtlsSpec({ kind, variant, domain, accepts, svid, ...options }: MtlsSpec, world: World): Promise<Started> {
  pick(mtlsServers, 'mtls variant', variant)
  const accepted = accepts.map(world.domain)
  const server: MtlsServer = await startMtls(variant, { ...options, domain: world.domain(domain), svid, accepts: accepted })
  return {
    close: server.close,
    row: { kind, host: server.host, port: server.port },
    async command(command) {
      if (!('do' in command) || command.do !== 'reissue') throw cannot(command)
      server.accept(accepted.map(one => one.bundlePem()).join(''))
      server.serve(await world.domain(domain).issue({ path: '/server', ...svid }))
    },
  }
}

async function startBundleSpec({ kind, profile, answer = 'healthy', domain, ...at }: BundleSpec, world: World): Promise<Started> {
  pick(bundleAnswers, 'bundle answer', answer)
  const issuer = world.domain(domain)
  const endpoint: BundleEndpoint = await pick(bundleEndpoints, 'bundle profile', profile)(issuer, world.web, { ...at, answer })
  return {
    close: endpoint.close,
    row: { kind, host: endpoint.host, port: endpoint.port, url: endpoint.url },
    async command(command) {
      if (!('answer' in command)) throw cannot(command)
      pick(bundleAnswers, 'bundle answer', command.answer)
      endpoint.setAnswer(command.answer)
    },
  }
}

async function startWorkloadSpec(
  { kind, path, domain, svids, federated = [], mode = 'serve' }: WorkloadSpec,
  world: World,
): Promise<Started> {
  const known = Object.fromEntries(workloadApiModes.map(one => [one, one]))
  const state = async () => {
    const issued = await Promise.all(svids.map(options => world.domain(domain).issue(options)))
    return stateOf(world.domain(domain), issued, federated.map(world.domain))
  }
  const api: WorkloadApi = await startWorkloadApi(await state(), { path, mode: pick(known, 'workload-api mode', mode) })
  return {
    close: api.close,
    row: { kind, address: api.address },
    async command(command) {
      if ('mode' in command) api.setMode(pick(known, 'workload-api mode', command.mode))
      else if (!('do' in command)) throw cannot(command)
      else if (command.do === 'reissue') api.rotate(await state())
      else if (command.do === 'disappear') await api.disappear()
      else if (command.do === 'appear') await api.appear()
      else throw cannot(command)
    },
  }
}

function start(spec: SpiffeServerSpec, world: World): Promise<Started> {
  switch (spec.kind) {
    case 'mtls':
      return startMtlsSpec(spec, world)
    case 'bundle':
      return startBundleSpec(spec, world)
    case 'workload-api':
      return startWorkloadSpec(spec, world)
    default:
      throw new Error(`kind was "${(spec as { kind: unknown }).kind}", want mtls, bundle or workload-api`)
  }
}

async function obey(command: SpiffeCommand, world: World, servers: readonly Started[]): Promise<void> {
  if ('server' in command) return pick(Object.fromEntries(servers.entries()), 'server', String(command.server)).command(command)
  const domain = world.domain(command.domain)
  if (command.do === 'prepare') await domain.prepare()
  else if (command.do === 'activate') await domain.activate()
  else domain.retire()
}

async function run(json: string): Promise<void> {
  const spec = JSON.parse(json) as SpiffeSpec
  const made = await Promise.all(spec.trustDomains.map(one => (typeof one === 'string' ? makeTrustDomain(one) : loadTrustDomain(one))))
  const domains = Object.fromEntries(made.map(one => [one.name, one]))
  const web = spec.web ? await loadAuthority(spec.web) : await makeAuthority({ name: 'test web root' })
  const world: World = { domain: name => pick(domains, 'trust domain', name), web }
  const servers = await Promise.all(spec.servers.map(one => start(one, world)))
  const saved = () => made.map(one => one.save())

  const stop = () => Promise.all(servers.map(one => one.close())).then(() => process.exit(0))
  process.once('SIGTERM', stop)
  const say = (line: SpiffeReady | SpiffeReply) => process.stdout.write(`${JSON.stringify(line)}\n`)
  say({ ready: true, servers: servers.map(one => one.row), trustDomains: saved(), webPem: web.certPem })
  for await (const line of createInterface(process.stdin)) {
    try {
      await obey(JSON.parse(line) as SpiffeCommand, world, servers)
      say({ done: true, trustDomains: saved() })
    } catch (error) {
      say({ error: error instanceof Error ? error.message : String(error) })
    }
  }
  await stop()
}

if (import.meta.main) {
  try {
    await run(process.argv[2] ?? '{}')
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
    process.exit(2)
  }
}
