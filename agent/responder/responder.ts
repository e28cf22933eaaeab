/** The agent's answering side: other agents measure the way to it and back. Protocol: `wire/responder.ts`, `wire/responder-udp.ts`. */
import { randomBytes } from 'node:crypto'
import type { AddressInfo, Server, Socket } from 'node:net'
import type { ReadIdentity } from '../../probes/identity/identity.ts'
import { supported } from '../../probes/net/libc.ts'
import { mostAgentIdBytes, type ResponderPort, responderPorts } from '../../wire/responder.ts'
import { newCounters, type ResponderStats } from './counters.ts'
import { buildPlaces, buildRate, defaultLimits, type ResponderLimits } from './limits.ts'
import { serveIdentity } from './served-identity.ts'
import { type Doors, openTcpDoor } from './tcp-door.ts'
import { openUdpDoor, type UdpDoor } from './udp-door.ts'
import { buildUdpSessions } from './udp-sessions.ts'

export type ResponderOptions = {
  /** What callers compare with the agent that they mean; at most `mostAgentIdBytes` of UTF-8. As a function it may become another, and a longer one is not said. */
  agentId: string | null | (() => string)
  /** Addresses to listen on; every IPv4 and IPv6 address unless told. */
  bind?: readonly string[]
  /** 0: any free port, the same on all addresses. Null: not offered. */
  ports?: Partial<Record<ResponderPort, number | null>>
  /** Where the SVID to show and the bundles come from. Without it there is neither TLS nor mTLS. */
  identity?: ReadIdentity
  limits?: Partial<ResponderLimits>
  /** Monotonic, for rates and idle times. */
  nowMs?: () => number
}

export type Responder = {
  /** Where it listens; null for what is not offered here. */
  ports: Record<ResponderPort, number | null>
  stats(): ResponderStats
  close(): Promise<void>
}

/** Rejects when a port cannot be opened, with nothing left open, and says which. */
export const startResponder = async (options: ResponderOptions): Promise<Responder> => {
  const { nowMs = () => performance.now() } = options
  const agentId = nameBy(options.agentId)
  const limits: ResponderLimits = { ...defaultLimits, ...options.limits }
  const counters = newCounters()
  const identity = options.identity && (await serveIdentity(options.identity))
  const sessions = buildUdpSessions({ agentId, secret: randomBytes(32), limits, counters, nowMs })
  const doors: Doors = {
    get agentId() {
      return agentId()
    },
    identity,
    limits,
    counters,
    places: buildPlaces(limits.connectionsPerSource, limits.connections),
    handshakes: buildPlaces(limits.handshakes, limits.handshakes),
    connects: buildRate(limits.connectsPerSource, limits.connects, nowMs),
    bytes: buildRate(limits.bytesPerSource, limits.bytes, nowMs),
    open: new Set<Socket>(),
  }
  const servers: Server[] = []
  const udp: UdpDoor[] = []
  const close = async (): Promise<void> => {
    identity?.close()
    for (const door of udp.splice(0)) door.close()
    const closed = servers.splice(0).map(server => new Promise<void>(resolve => server.close(() => resolve())))
    for (const socket of doors.open) socket.destroy()
    await Promise.all(closed)
  }
  const openers: Record<ResponderPort, (host: string, port: number) => Promise<number>> = {
    udp: async (host, port) => {
      const door = openUdpDoor(host, port, sessions, counters)
      udp.push(door)
      return door.port
    },
    tcp: (host, port) => listen('tcp', host, port),
    tls: (host, port) => listen('tls', host, port),
    mtls: (host, port) => listen('mtls', host, port),
  }
  const listen = async (kind: 'tcp' | 'tls' | 'mtls', host: string, port: number): Promise<number> => {
    const server = await openTcpDoor(kind, host, port, doors)
    servers.push(server)
    return (server.address() as AddressInfo).port
  }
  const isOffered = (kind: ResponderPort): boolean => (kind === 'udp' ? supported : kind === 'tcp' || identity !== undefined)
  const ports: Responder['ports'] = { tcp: null, tls: null, mtls: null, udp: null }
  try {
    for (const kind of Object.keys(ports) as ResponderPort[]) {
      const wanted = options.ports?.[kind] === undefined ? responderPorts[kind] : options.ports[kind]
      if (wanted !== null && isOffered(kind)) ports[kind] = await openAll(options.bind, wanted, openers[kind]).catch(sayWhich(kind))
    }
  } catch (error) {
    await close()
    throw error
  }
  return { ports, close, stats: () => ({ ...counters, openConnections: doors.places.count(), openSessions: sessions.open() }) }
}

/** Rejects a name that is too long at the start, when somebody reads it. */
const nameBy = (given: ResponderOptions['agentId']): (() => string | null) => {
  const fits = (id: string | null): boolean => Buffer.byteLength(id ?? '') <= mostAgentIdBytes
  const now = typeof given === 'function' ? given : () => given
  if (!fits(now())) throw new RangeError(`agent ID of more than ${mostAgentIdBytes} bytes: ${now()}`)
  return () => (fits(now()) ? now() : null)
}

const sayWhich =
  (kind: ResponderPort) =>
  (error: Error): never => {
    throw new Error(`responder.${kind}: ${error.message}`, { cause: error })
  }

const everywhere = ['0.0.0.0', '::']

/** Opens a port on every address. Where none was named, a machine without one of the two families has one address less. */
const openAll = async (bind: readonly string[] | undefined, port: number, open: (host: string, port: number) => Promise<number>) => {
  let at = port
  let opened = false
  for (const host of bind ?? everywhere)
    try {
      at = await open(host, at)
      opened = true
    } catch (error) {
      const isLast = host === (bind ?? everywhere).at(-1)
      if (bind || (isLast && !opened) || !/EAFNOSUPPORT|EADDRNOTAVAIL/.test((error as Error).message)) throw error
    }
  return at
}
