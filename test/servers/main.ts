import { startResponder } from '../../agent/responder/responder.ts'
import { type Authority, loadAuthority, makeAuthority } from './authority.ts'
import { type DnsMode, dnsModes, type Records } from './dns-message.ts'
import { startDns } from './dns-server.ts'
import { type HttpVariant, httpServers } from './http-servers.ts'
import type { At } from './listening.ts'
import { type TcpVariant, tcpServers } from './tcp-servers.ts'
import { type TlsVariant, tlsServers } from './tls-servers.ts'

/** `names` and `addresses` go into the certificates: svc.test and the server's own host unless told. */
type Names = { names?: string[]; addresses?: string[] }

export type ServerSpec =
  | ({ kind: 'tls'; variant: TlsVariant; padBytes?: number } & Names & At)
  | ({ kind: 'tcp'; variant: TcpVariant } & At)
  | ({ kind: 'responder'; agentId?: string } & At)
  | ({ kind: 'http'; variant: HttpVariant } & At)
  | ({ kind: 'dns'; records?: Records; mode?: DnsMode } & At)

/** What the command line takes: a list of servers, or the list with what they share. Without an authority one is made. */
export type Spec = ServerSpec[] | Shared

type Shared = { servers: ServerSpec[]; caCertPem?: string; caKeyPem?: string } & Names

/** The one line that is printed when all servers listen, in the order of the spec. */
export type Ready = { ready: true; servers: { kind: string; variant: string; host: string; port: number }[]; caPem: string }

type Started = { host: string; port: number; close(): Promise<void> }

function pick<T>(table: Record<string, T>, kind: string, variant: string): T {
  const found = Object.hasOwn(table, variant) ? table[variant] : undefined
  if (found === undefined) throw new Error(`${kind} variant was "${variant}", want one of: ${Object.keys(table).join(', ')}`)
  return found
}

function start(spec: ServerSpec, shared: Names & { authority: Authority }): Promise<Started> {
  const { host = '127.0.0.1', port = 0 } = spec
  const at = { host, port }
  switch (spec.kind) {
    case 'tls': {
      const { names = shared.names, addresses = shared.addresses ?? [host], padBytes } = spec
      return pick(tlsServers, 'tls', spec.variant)({ authority: shared.authority, names, addresses, padBytes }, at)
    }
    case 'tcp':
      return pick(tcpServers, 'tcp', spec.variant)(at)
    case 'http':
      return pick(httpServers, 'http', spec.variant)(at)
    case 'dns': {
      const mode = spec.mode ?? 'answer'
      if (!dnsModes.includes(mode)) throw new Error(`dns mode was "${mode}", want one of: ${dnsModes.join(', ')}`)
      return startDns({ ...at, mode, records: spec.records })
    }
    case 'responder':
      return startBothWays(spec.agentId ?? null, at)
    default:
      throw new Error(`kind was "${(spec as { kind: unknown }).kind}", want tls, tcp, http, dns or responder`)
  }
}

/** An agent's responder whose UDP port has the number of its TCP port. */
async function startBothWays(agentId: string | null, { host, port }: { host: string; port: number }): Promise<Started> {
  const none = { tcp: null, tls: null, mtls: null, udp: null }
  const tcp = await startResponder({ agentId, bind: [host], ports: { ...none, tcp: port } })
  const udp = await startResponder({ agentId, bind: [host], ports: { ...none, udp: tcp.ports.tcp } })
  return { host, port: tcp.ports.tcp!, close: async () => void (await Promise.all([tcp.close(), udp.close()])) }
}

async function run(json: string): Promise<void> {
  const parsed = JSON.parse(json) as Spec
  const whole: Shared = Array.isArray(parsed) ? { servers: parsed } : parsed
  const { caCertPem: certPem, caKeyPem: keyPem } = whole
  if (!certPem !== !keyPem) throw new Error('caCertPem and caKeyPem: want both or neither')
  const authority = certPem && keyPem ? await loadAuthority({ certPem, keyPem }) : await makeAuthority({ name: 'test root' })
  const started = await Promise.all(whole.servers.map(async spec => ({ spec, at: await start(spec, { ...whole, authority }) })))

  const stop = () => Promise.all(started.map(({ at }) => at.close())).then(() => process.exit(0))
  process.once('SIGTERM', stop)
  process.stdin.once('close', stop).once('end', stop).on('error', stop).resume()

  const rows = started.map(({ spec, at }) => ({
    kind: spec.kind,
    variant: spec.kind === 'dns' ? (spec.mode ?? 'answer') : spec.kind === 'responder' ? 'responder' : spec.variant,
    host: at.host,
    port: at.port,
  }))
  const ready: Ready = { ready: true, servers: rows, caPem: authority.certPem }
  process.stdout.write(`${JSON.stringify(ready)}\n`)
}

if (import.meta.main) {
  try {
    await run(process.argv[2] ?? '[]')
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
    process.exit(2)
  }
}
