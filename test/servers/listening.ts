import { once } from 'node:events'
import type { AddressInfo, Server as NetServer, Socket } from 'node:net'

/** Where to listen; 127.0.0.1 and a port of the kernel's choice unless told. */
export type At = { host?: string; port?: number }

export type Listening = {
  host: string
  port: number
  /** Destroys every socket and stops listening. */
  close(): Promise<void>
  /** Connections accepted since the start. */
  connections(): number
  /** Connections that are open now. A server that does not read never learns that its client has left. */
  open(): number
}

/** Listens with any TCP, TLS or HTTP server and keeps count of its raw sockets, whose errors are nobody's business here. Rejects when the address can't be bound. */
export async function listen(server: NetServer, at: At = {}): Promise<Listening> {
  const sockets = new Set<Socket>()
  let accepted = 0
  server.on('connection', (socket: Socket) => {
    accepted += 1
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen({ host: at.host ?? '127.0.0.1', port: at.port ?? 0 })
  await once(server, 'listening')
  const { address, port } = server.address() as AddressInfo
  let closed: Promise<void> | undefined
  return {
    host: address,
    port,
    close: () => (closed ??= closeAll(server, sockets)),
    connections: () => accepted,
    open: () => sockets.size,
  }
}

async function closeAll(server: NetServer, sockets: Set<Socket>): Promise<void> {
  const gone = [...sockets].map(socket => once(socket, 'close'))
  for (const socket of sockets) socket.destroy()
  const stopped = once(server, 'close')
  server.close()
  await Promise.all([stopped, ...gone])
}
