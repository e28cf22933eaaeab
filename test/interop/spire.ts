/** A real SPIRE on this machine: a server and an agent for one trust domain, and what an operator does with them. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Identity } from '../../probes/identity/identity.ts'
import { fetchX509Once } from '../../probes/identity/workload-api.ts'
import { freePorts, keepRunning, type Ran, runToEnd, waitFor } from './programs.ts'

export type Spire = {
  trustDomain: string
  /** Of the one workload: this user's processes. */
  workloadId: string
  workloadApi: string
  endpoint: { port: number; id: string }
  /** `spire-server` with this server's socket, whatever it ends with. */
  tryServer(...args: string[]): Promise<Ran>
  /** The same; rejects when it fails. Gives what it printed. */
  server(...args: string[]): Promise<string>
  /** What the agent gives to this process. */
  fetch(): Promise<Identity>
}

/** So long that within a test no server asks another for its bundle by itself: it does so four times per hint. */
export const refreshHint = { spire: '1h', seconds: 3600 }

const serverConf = (trustDomain: string, folder: string, ports: { api: number; endpoint: number }): string => `
server {
  trust_domain = "${trustDomain}"
  bind_address = "127.0.0.1"
  bind_port = "${ports.api}"
  socket_path = "${folder}/server.sock"
  data_dir = "${folder}/server"
  ratelimit { attestation = false }
  federation {
    bundle_endpoint {
      address = "127.0.0.1"
      port = ${ports.endpoint}
      refresh_hint = "${refreshHint.spire}"
      profile "https_spiffe" {}
    }
  }
}
plugins {
  DataStore "sql" { plugin_data { database_type = "sqlite3" connection_string = "${folder}/server/data.sqlite3" } }
  KeyManager "memory" { plugin_data {} }
  NodeAttestor "join_token" { plugin_data {} }
}
`

const agentConf = (trustDomain: string, folder: string, port: number, joinToken: string): string => `
agent {
  trust_domain = "${trustDomain}"
  server_address = "127.0.0.1"
  server_port = ${port}
  socket_path = "${folder}/agent.sock"
  data_dir = "${folder}/agent"
  trust_bundle_path = "${folder}/bootstrap.pem"
  join_token = "${joinToken}"
  experimental { sync_interval = "1s" }
}
plugins {
  KeyManager "memory" { plugin_data {} }
  NodeAttestor "join_token" { plugin_data {} }
  WorkloadAttestor "unix" { plugin_data {} }
}
`

/** Starts both programs in `parent`; they end with the test. */
export async function startSpire(t: Test, parent: string, trustDomain: string): Promise<Spire> {
  const folder = join(parent, trustDomain)
  for (const name of ['server', 'agent']) mkdirSync(join(folder, name), { recursive: true })
  const [api, endpoint] = (await freePorts(2)) as [number, number]
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text, { mode: 0o600 })
    return join(folder, name)
  }
  const tryServer = (...args: string[]): Promise<Ran> => runToEnd('spire-server', [...args, '-socketPath', join(folder, 'server.sock')])
  const server = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await tryServer(...args)
    if (code !== 0) throw new Error(`spire-server ${args.join(' ')} of ${trustDomain} ended with ${code}: ${stdout}${stderr}`)
    return stdout
  }
  const config = write('server.conf', serverConf(trustDomain, folder, { api, endpoint }))
  const running = keepRunning(t, 'spire-server', ['run', '-config', config], join(folder, 'server.log'))
  await waitFor(`healthy spire-server of ${trustDomain}`, async () => {
    if (!running.isRunning()) throw new Error(`spire-server of ${trustDomain} ended`)
    return (await tryServer('healthcheck')).code === 0 || undefined
  })
  write('bootstrap.pem', await server('bundle', 'show'))
  const token = JSON.parse(await server('token', 'generate', '-spiffeID', agentOf(trustDomain), '-output', 'json')) as { value: string }
  const agentConfig = write('agent.conf', agentConf(trustDomain, folder, api, token.value))
  keepRunning(t, 'spire-agent', ['run', '-config', agentConfig], join(folder, 'agent.log'))
  const workloadApi = `unix://${folder}/agent.sock`
  return {
    trustDomain,
    workloadId: `spiffe://${trustDomain}/payments`,
    workloadApi,
    endpoint: { port: endpoint, id: `spiffe://${trustDomain}/spire/server` },
    tryServer,
    server,
    fetch: () => fetchX509Once(workloadApi, AbortSignal.timeout(5000)),
  }
}

const agentOf = (trustDomain: string): string => `spiffe://${trustDomain}/agent`

/** `here` trusts `other`: takes its bundle by hand once, knows its endpoint, and fetches from it. */
export async function federate(here: Spire, other: Spire, folder: string): Promise<void> {
  const file = join(folder, `${other.trustDomain}.json`)
  writeFileSync(file, await other.server('bundle', 'show', '-format', 'spiffe'))
  await here.server(
    ...['federation', 'create', '-trustDomain', other.trustDomain],
    ...['-bundleEndpointURL', `https://127.0.0.1:${other.endpoint.port}`],
    ...['-bundleEndpointProfile', 'https_spiffe', '-endpointSpiffeID', other.endpoint.id],
    ...['-trustDomainBundlePath', file, '-trustDomainBundleFormat', 'spiffe'],
  )
  await here.server('federation', 'refresh', '-id', other.trustDomain)
}

const entryOf = (here: Spire, other: Spire): string[] => [
  ...['-entryID', 'payments', '-parentID', agentOf(here.trustDomain), '-spiffeID', here.workloadId],
  ...['-selector', `unix:uid:${process.getuid!()}`, '-federatesWith', `spiffe://${other.trustDomain}`],
]

/** This user's processes are the workload, and it is told the other's bundle. */
export const register = (here: Spire, other: Spire): Promise<string> => here.server('entry', 'create', ...entryOf(here, other))

/** An entry that has changed gets a new SVID at once, from the authority that signs now. */
export const renew = (here: Spire, other: Spire): Promise<string> =>
  here.server('entry', 'update', ...entryOf(here, other), '-hint', 'renewed')

type Authority = { authority_id: string }

/** A new authority in the bundle, which does not sign yet, and the one that does. */
export async function prepareAuthority(spire: Spire): Promise<{ active: string; prepared: string }> {
  const authority = async (command: string): Promise<Record<string, Authority>> =>
    JSON.parse(await spire.server('localauthority', 'x509', command, '-output', 'json')) as Record<string, Authority>
  const { active } = await authority('show')
  const { prepared_authority: prepared } = await authority('prepare')
  return { active: active!.authority_id, prepared: prepared!.authority_id }
}

export const activateAuthority = (spire: Spire, id: string): Promise<string> =>
  spire.server('localauthority', 'x509', 'activate', '-authorityID', id)

/** As in a forced rotation: the server and its agents renew at once all that this authority has signed. */
export const taintAuthority = (spire: Spire, id: string): Promise<string> =>
  spire.server('localauthority', 'x509', 'taint', '-authorityID', id)

/** What the agent gives, as soon as there is an SVID and it fits. */
export const waitForIdentity = (spire: Spire, what: string, fits: (identity: Identity) => boolean): Promise<Identity> =>
  waitFor(`${what} from the agent of ${spire.trustDomain}`, async () => {
    const identity = await spire.fetch()
    return identity.svids.length > 0 && fits(identity) ? identity : undefined
  })
