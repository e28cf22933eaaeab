import type { Family, Outcome } from '../../wire/result.ts'
import { type EchoReply, EchoSocket, type EchoSocketOptions, openEchoSocket } from './echo-socket.ts'
import { EAGAIN, EMSGSIZE, ENOBUFS } from './libc.ts'
import type { QueuedError } from './mailbox.ts'

/** Sent echoes whose time is remembered, per session: a reply that is more than so many echoes late is not counted. */
const remembered = 65_536
/** How often the socket is looked at while replies are awaited: at first often, then less so. Timestamps are the kernel's, so it costs no accuracy. */
const fastestMs = 1
const slowestMs = 8
/** A realtime clock that moved by more than this against the monotonic one between two looks was stepped. */
const stepMs = 5
/** An echo and its headers fit any interface (RFC 791: 65,535 bytes in all). */
const mostEchoBytes = 65_000
/** The clocks are compared no more often: in that time they drift apart by less than a µs (adjtimex(2): at most 500 ppm). */
const lookEveryMs = 0.5

export type EchoListener = {
  /** `rttMs` is NaN when it can't be told: the realtime clock was stepped meanwhile. */
  reply: (index: number, rttMs: number, ttl: number, bytes: number) => void
  error: (index: number, error: QueuedError) => void
}

type Session = { listener: EchoListener; sentNs: Float64Array; indexes: Float64Array }

/** One socket shared by all sessions of a family and source, with one timer that looks at it while any session is open. */
class Echoes {
  readonly socket: EchoSocket
  readonly sessions = new Map<number, Session>()
  /** Echoes sent since the socket was read. */
  unread = 0
  /** Messages that the kernel had dropped when it was last looked: half a ms ago at most. */
  dropsSeen = 0
  readonly #closed: () => void
  readonly #mayBeHeld: boolean
  #timer: NodeJS.Timeout | undefined
  #waitMs = fastestMs
  #steppedAtNs = Number.NEGATIVE_INFINITY
  #lookedAtMs = Number.NEGATIVE_INFINITY

  constructor(socket: EchoSocket, closed: () => void, mayBeHeld: boolean) {
    this.socket = socket
    this.#closed = closed
    this.#mayBeHeld = mayBeHeld
  }

  join(listener: EchoListener, echoes: number): EchoSession {
    const size = Math.min(echoes, remembered)
    let id = 0
    do id = Math.trunc(Math.random() * 0xffff_ffff)
    while (this.sessions.has(id))
    this.sessions.set(id, { listener, sentNs: new Float64Array(size), indexes: new Float64Array(size).fill(-1) })
    this.look()
    return new EchoSession(this, id, size)
  }

  leave(id: number): void {
    if (!this.sessions.delete(id) || this.sessions.size > 0) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (holders === 0 || !this.#mayBeHeld) this.close()
  }

  close(): void {
    this.socket.close()
    this.#closed()
  }

  /** Compares the clocks; a caller that sends a batch does it once before. */
  look(): void {
    const now = performance.now()
    if (now - this.#lookedAtMs < lookEveryMs) return
    this.#lookedAtMs = now
    this.dropsSeen = this.socket.drops()
    if (Math.abs(this.socket.clock.look()) > stepMs) this.#steppedAtNs = this.socket.clock.nowNs()
  }

  /** Sends one echo; 0, or the error number. */
  send(id: number, slot: number, index: number, to: Buffer, dataBytes: number): number {
    const session = this.sessions.get(id)!
    session.indexes[slot] = index
    session.sentNs[slot] = this.socket.clock.nowNs()
    let code = this.socket.send(to, id, index, dataBytes)
    this.unread++
    if (code !== 0 && code !== EAGAIN && code !== ENOBUFS) {
      // An ICMP error for another session's echo is reported to whoever sends next (ip(7), IP_RECVERR): only a second refusal is this one's.
      this.socket.receiveErrors(this.#onError)
      code = this.socket.send(to, id, index, dataBytes)
      if (code === EMSGSIZE) this.socket.receiveErrors(this.#onError)
    }
    if (this.#timer === undefined || this.#waitMs !== fastestMs) this.#wake(fastestMs)
    return code
  }

  #wake(afterMs: number): void {
    if (this.#timer && this.#waitMs === afterMs) {
      this.#timer.refresh()
      return
    }
    clearTimeout(this.#timer)
    this.#waitMs = afterMs
    this.#timer = setTimeout(this.#onTimer, afterMs)
  }

  readonly #onTimer = (): void => {
    const before = this.#seen
    this.look()
    this.collect()
    if (this.sessions.size > 0) this.#wake(this.#seen > before ? fastestMs : Math.min(slowestMs, this.#waitMs * 2))
  }

  #seen = 0
  readonly #onReply = (reply: EchoReply): void => {
    this.#seen++
    const session = this.sessions.get(reply.session)
    if (!session) return
    const slot = reply.index % session.indexes.length
    if (session.indexes[slot] !== reply.index) return
    const sentNs = session.sentNs[slot]!
    const rttMs = (reply.receivedNs - sentNs) / 1e6
    session.listener.reply(reply.index, rttMs < 0 || sentNs <= this.#steppedAtNs ? Number.NaN : rttMs, reply.ttl, reply.bytes)
  }

  readonly #onError = (id: number, index: number, error: QueuedError): void => {
    this.#seen++
    this.sessions.get(id)?.listener.error(index, error)
  }

  /**
   * Reads what has arrived. A pending error makes one ordinary read fail (ip(7)), so the error queue is read and then the rest. Where
   * nothing has arrived it is read in any case: the error number may have gone to a send.
   */
  collect(): void {
    const before = this.#seen
    this.unread = 0
    for (let i = 0; i < 64; i++) {
      const pending = this.socket.receive(this.#onReply)
      if (pending === 0) break
      this.socket.receiveErrors(this.#onError)
    }
    if (this.#seen === before && this.sessions.size > 0) this.socket.receiveErrors(this.#onError)
  }
}

/** One prober's share of the socket. `leave` must be called; the last one to leave closes the socket, unless it is held. */
export class EchoSession {
  readonly #echoes: Echoes
  readonly #id: number
  readonly #size: number
  readonly #dropsBefore: number

  constructor(echoes: Echoes, id: number, size: number) {
    this.#echoes = echoes
    this.#id = id
    this.#size = size
    this.#dropsBefore = echoes.dropsSeen
  }

  get mode(): 'datagram' | 'raw' {
    return this.#echoes.socket.mode
  }
  /** Messages that the kernel has dropped since this session joined, because this process read too slowly. Whose they were is not known. */
  get overflow(): number {
    return this.#echoes.socket.drops() - this.#dropsBefore
  }
  /** Echoes that all sessions together have sent since the socket was last read. */
  get unread(): number {
    return this.#echoes.unread
  }
  look(): void {
    this.#echoes.look()
  }
  send(to: Buffer, index: number, dataBytes: number): number {
    return this.#echoes.send(this.#id, index % this.#size, index, to, dataBytes)
  }
  collect(): void {
    this.#echoes.collect()
  }
  leave(): void {
    this.#echoes.leave(this.#id)
  }
}

const open = new Map<string, Echoes>()
let holders = 0

/**
 * Keeps the sockets open between sessions until the returned function is called: to open one, with its buffers, costs more than an echo,
 * and who measures for ever sends the next one soon.
 */
export const holdEchoes = (): (() => void) => {
  let isHeld = true
  holders++
  return () => {
    if (!isHeld) return
    isHeld = false
    if (--holders > 0) return
    for (const echoes of open.values()) if (echoes.sessions.size === 0) echoes.close()
  }
}

/** Joins the shared echo socket of a family, source and DF setting, opened by the first to join; or says as an outcome why there is none. */
export const joinEchoes = (family: Family, options: EchoSocketOptions, listener: EchoListener, echoes: number): EchoSession | Outcome => {
  const { source = '', dontFragment = false, identifier } = options
  // An identifier can be had once: its socket takes echoes of any size.
  const largestBytes = Math.ceil((identifier === undefined ? (options.largestBytes ?? 1500) : mostEchoBytes) / 1500) * 1500
  const key = `${family} ${source} ${dontFragment} ${largestBytes} ${identifier ?? ''}`
  const existing = open.get(key)
  if (existing) return existing.join(listener, echoes)
  const socket = openEchoSocket(family, { ...options, largestBytes })
  if (!(socket instanceof EchoSocket)) return socket
  const created = new Echoes(socket, () => open.delete(key), identifier === undefined)
  open.set(key, created)
  return created.join(listener, echoes)
}
