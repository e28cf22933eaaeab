import { createServer, type Server, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { chainAsSent } from '../../probes/chain.ts'
import type { SvidVerdict } from '../../wire/responder.ts'
import { judgeClient } from './client-verdict.ts'
import type { ResponderCounters } from './counters.ts'
import { type Places, type Rate, type ResponderLimits, sourceOf } from './limits.ts'
import type { ServedIdentity } from './served-identity.ts'
import { serveStream } from './stream.ts'

/** What all TCP ports of a responder share. */
export type Doors = {
  agentId: string | null
  identity: ServedIdentity | undefined
  limits: ResponderLimits
  counters: ResponderCounters
  places: Places
  handshakes: Places
  connects: Rate
  bytes: Rate
  open: Set<Socket>
}

/** `tls` judges the certificate of a client that shows one, and lets everyone in; `mtls` hangs up on who has no valid SVID. */
export type TcpKind = 'tcp' | 'tls' | 'mtls'

/** Listens; rejects with the system's error. */
export const openTcpDoor = (kind: TcpKind, host: string, port: number, doors: Doors): Promise<Server> =>
  new Promise((resolve, reject) => {
    // A TLS stream whose caller is gone without close_notify would stay half open until it is idle for too long.
    const server = createServer({ allowHalfOpen: kind === 'tcp', noDelay: true }, socket => admit(kind, socket, doors))
    server.once('error', reject)
    server.listen({ host, port, ipv6Only: host.includes(':'), backlog: 511 }, () => {
      server.removeListener('error', reject)
      // Running out of descriptors ends one accept, not the agent.
      server.on('error', () => {})
      resolve(server)
    })
  })

const admit = (kind: TcpKind, socket: Socket, doors: Doors): void => {
  const { counters, limits, places, open } = doors
  const source = sourceOf(socket.remoteAddress ?? '')
  socket.on('error', () => {})
  if (!doors.connects.take(source) || !places.enter(source)) {
    counters.connectionsRefused += 1
    return void socket.resetAndDestroy()
  }
  counters.connections += 1
  open.add(socket)
  const late = (): void => {
    counters.connectionsTimedOut += 1
    socket.resetAndDestroy()
  }
  const total = setTimeout(late, limits.totalMs)
  socket.setTimeout(limits.idleMs, late)
  socket.once('close', () => {
    clearTimeout(total)
    places.leave(source)
    open.delete(socket)
  })
  if (kind === 'tcp') serveStream(socket, { ...doors, tcp: socket, source, svid: null })
  else shakeHands(kind, socket, source, doors)
}

const shakeHands = (kind: 'tls' | 'mtls', socket: Socket, source: string, doors: Doors): void => {
  const { counters, handshakes, limits } = doors
  const { context, identity } = doors.identity?.now() ?? {}
  if (!context || !identity) {
    counters.noIdentity += 1
    return void socket.destroy()
  }
  if (!handshakes.enter(source)) {
    counters.connectionsRefused += 1
    return void socket.resetAndDestroy()
  }
  let isDone = false
  const done = (): void => {
    if (isDone) return
    isDone = true
    clearTimeout(timer)
    handshakes.leave(source)
  }
  const timer = setTimeout(() => {
    counters.connectionsTimedOut += 1
    socket.resetAndDestroy()
  }, limits.handshakeMs)
  socket.once('close', done)
  // What OpenSSL thinks of the client's certificate does not count: all that SPIFFE asks for is judged below.
  const tls = new TLSSocket(socket, { isServer: true, secureContext: context, requestCert: true, rejectUnauthorized: false })
  tls.on('error', () => {
    if (!isDone) counters.handshakesFailed += 1
    tls.destroy()
    socket.destroy()
  })
  tls.once('close', () => socket.destroy())
  tls.once('secure', () => {
    done()
    // At once: nothing has been sent since the client's last flight, so that a refused client gets no session ticket, which it could take for a yes.
    const svid = verdictOf(tls, identity)
    if (kind === 'mtls' && !svid?.verified) {
      counters.clientsRefused += 1
      tls.destroy()
      return
    }
    if (svid?.verified) counters.clientsAccepted += 1
    serveStream(tls, { ...doors, tcp: socket, source, svid })
  })
}

const verdictOf = (tls: TLSSocket, identity: Parameters<typeof judgeClient>[1]): SvidVerdict | null => {
  const chain = chainAsSent(tls)
  return chain.length === 0 ? null : judgeClient(chain, identity, Date.now())
}
