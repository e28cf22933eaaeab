/** Lets a Node TLS server refuse with any alert, as other libraries do: Node itself only hangs up. */
import { createCipheriv, createHmac } from 'node:crypto'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { TLSSocket, Server as TlsServer } from 'node:tls'

const hkdfExpandLabel = (hash: string, secret: Buffer, label: string, length: number): Buffer => {
  const full = Buffer.from(`tls13 ${label}`)
  // RFC 8446 §7.1: HkdfLabel has the length, the label and an empty context; one block of RFC 5869 is enough for keys of up to 32 bytes.
  const info = Buffer.concat([Buffer.from([0, length, full.length]), full, Buffer.from([0, 1])])
  return createHmac(hash, secret).update(info).digest().subarray(0, length)
}

const ciphers = {
  TLS_AES_128_GCM_SHA256: ['aes-128-gcm', 16, 'sha256'],
  TLS_AES_256_GCM_SHA384: ['aes-256-gcm', 32, 'sha384'],
  TLS_CHACHA20_POLY1305_SHA256: ['chacha20-poly1305', 32, 'sha256'],
} as const

/** The first record that the server's application key protects (RFC 8446 §5.2): sequence number 0, so the nonce is the IV itself. */
function protectedAlert(suite: string, secret: Buffer, alert: number): Buffer {
  const [name, keyBytes, hash] = ciphers[suite as keyof typeof ciphers]
  const inner = Buffer.from([2, alert, 21])
  const header = Buffer.from([23, 3, 3, 0, inner.length + 16])
  const [key, iv] = [hkdfExpandLabel(hash, secret, 'key', keyBytes), hkdfExpandLabel(hash, secret, 'iv', 12)]
  const cipher = createCipheriv(name as 'aes-128-gcm', key, iv, { authTagLength: 16 })
  cipher.setAAD(header)
  return Buffer.concat([header, cipher.update(inner), cipher.final(), cipher.getAuthTag()])
}

/** A fatal alert in the clear, as it is until the server's ChangeCipherSpec in TLS 1.2 (RFC 5246 §7.2). */
const plainAlert = (alert: number): Buffer => Buffer.from([21, 3, 3, 0, 2, 2, alert])

/** True from the client's second flight on: the first record that is neither a ClientHello nor a ChangeCipherSpec. */
function watchSecondFlight(): (chunk: Buffer) => boolean {
  let [seen, reached] = [Buffer.alloc(0), false]
  return chunk => {
    if (reached) return true
    seen = Buffer.concat([seen, chunk])
    while (!reached && seen.length > 5) {
      reached = seen[0] === 23 || (seen[0] === 22 && seen[5] !== 1)
      const end = 5 + seen.readUInt16BE(3)
      if (seen.length < end) break
      seen = seen.subarray(end)
    }
    return reached
  }
}

/**
 * What stands between the socket and the TLS server: from the client's second flight, the one with its certificate, what the server says is kept
 * back until `release` or `refuse`.
 */
class Gate extends Duplex {
  readonly #socket: Socket
  #held: Buffer[] | undefined
  #decided: boolean
  constructor(socket: Socket) {
    super()
    this.#socket = socket
    this.#decided = false
    const isSecondFlight = watchSecondFlight()
    socket.on('data', (chunk: Buffer) => {
      if (!this.#decided && isSecondFlight(chunk)) this.#held ??= []
      this.push(chunk)
    })
    socket.once('end', () => this.push(null))
    socket.once('close', () => this.destroy())
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    if (this.#held) this.#held.push(chunk)
    else this.#socket.write(chunk)
    done()
  }

  override _final(done: () => void): void {
    this.#socket.end()
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.#held) this.#socket.destroy()
    done(error)
  }

  release(): void {
    this.#decided = true
    for (const chunk of this.#held ?? []) this.#socket.write(chunk)
    this.#held = undefined
  }

  refuse(last: Buffer): void {
    this.#held = []
    this.#decided = true
    this.#socket.end(last)
  }
}

/** Which alert a finished handshake is to be refused with; undefined lets it in; `silence` lets it in and never says another word. */
export type JudgeClient = (socket: TLSSocket) => number | 'silence' | undefined

/**
 * Puts a server of `make` (which must ask for client certificates and take any) behind a gate for each connection; give the result each raw socket.
 * The verdict falls when the client's whole flight has been read, before it has heard anything of acceptance, as with OpenSSL, Java, Go
 * and BoringSSL. One server per connection, since Node does not say on which socket a TLS socket stands.
 */
export function refuseWithAlerts(make: () => TlsServer, judge: JudgeClient): (socket: Socket) => void {
  return socket => {
    const server = make()
    const gate = new Gate(socket)
    let secret: Buffer | undefined
    server.on('keylog', line => {
      const [label, , hex] = line.toString().trim().split(' ')
      if (label === 'SERVER_TRAFFIC_SECRET_0') secret = Buffer.from(hex!, 'hex')
    })
    server.prependListener('secureConnection', secure => {
      const alert = judge(secure)
      if (alert === undefined) return gate.release()
      if (alert === 'silence') return
      gate.refuse(secret ? protectedAlert(secure.getCipher().name, secret, alert) : plainAlert(alert))
      secure.destroy()
    })
    server.on('tlsClientError', () => gate.release())
    gate.on('error', () => {})
    server.emit('connection', gate)
  }
}
