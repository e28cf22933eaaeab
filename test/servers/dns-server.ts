import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { buildResponse, type DnsMode, parseQuestion, type Records } from './dns-message.ts'
import { type At, type Listening, listen } from './listening.ts'

export type DnsServer = Omit<Listening, 'connections' | 'open'> & {
  /** Well-formed questions received, over UDP and TCP. */
  queries(): number
}

export type DnsOptions = At & { records?: Records; mode?: DnsMode }

/** A resolver's address, on UDP and TCP of one port. A and AAAA come from `records`, NXDOMAIN for names that are not there, NODATA for types that are not. */
export async function startDns({ records = {}, mode = 'answer', ...at }: DnsOptions = {}): Promise<DnsServer> {
  let queries = 0
  const answer = (message: Buffer, transport: 'udp' | 'tcp') => {
    const question = parseQuestion(message)
    if (!question) return undefined
    queries += 1
    return buildResponse(question, records, mode, transport)
  }
  const { udp, tcp } = await bindBoth(at, message => answer(message, 'tcp'))
  udp.on('message', (message, from) => {
    const response = answer(message, 'udp')
    if (response) udp.send(response, from.port, from.address, () => {})
  })
  const close = async () => {
    const gone = once(udp, 'close')
    udp.close()
    await Promise.all([gone, tcp.close()])
  }
  let closed: Promise<void> | undefined
  return { host: tcp.host, port: tcp.port, queries: () => queries, close: () => (closed ??= close()) }
}

/** Another process may hold the TCP port whose UDP twin the kernel gave: so it is tried a few times. */
async function bindBoth(at: At, answer: (message: Buffer) => Buffer | undefined): Promise<{ udp: UdpSocket; tcp: Listening }> {
  for (let left = at.port ? 1 : 10; ; left--) {
    const tcp = await listen(
      createServer(socket => serveTcp(socket, answer)),
      at,
    )
    const udp = createSocket(tcp.host.includes(':') ? 'udp6' : 'udp4')
    try {
      udp.bind(tcp.port, tcp.host)
      await once(udp, 'listening')
      return { udp: udp.on('error', () => {}), tcp }
    } catch (error) {
      udp.close()
      await tcp.close()
      if (left <= 1) throw error
    }
  }
}

const tcpLimitBytes = 4096

/** Messages have two bytes of length before them (RFC 1035 §4.2.2). */
function serveTcp(socket: Socket, answer: (message: Buffer) => Buffer | undefined): void {
  let seen = Buffer.alloc(0)
  socket.on('data', chunk => {
    seen = Buffer.concat([seen, chunk])
    if (seen.length > tcpLimitBytes) return socket.destroy()
    while (seen.length >= 2 && seen.length >= 2 + seen.readUInt16BE(0)) {
      const end = 2 + seen.readUInt16BE(0)
      const response = answer(seen.subarray(2, end))
      seen = seen.subarray(end)
      if (!response) continue
      const length = Buffer.alloc(2)
      length.writeUInt16BE(response.length)
      socket.write(Buffer.concat([length, response]))
    }
  })
}
