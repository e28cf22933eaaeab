import * as libc from './libc.ts'
import { addressAt } from './sockaddr.ts'

const slots = 64
const header = 64 // struct mmsghdr, 64-bit: msghdr 56, msg_len 4, padding 4
const control = 128
const name = 28

/** What came in with a message: sizes in bytes, `receivedNs` by the kernel's realtime clock relative to `baseSeconds`; the sender's sockaddr in `names`. */
export type Received = {
  data: Buffer
  offset: number
  length: number
  receivedNs: number
  ttl: number
  overflow: number
  names: Buffer
  nameOffset: number
}

/** An ICMP or local error from the socket's error queue (struct sock_extended_err, linux/errqueue.h). */
export type QueuedError = {
  errno: number
  /** 1: this machine, 2: ICMP, 3: ICMPv6. */
  origin: number
  type: number
  code: number
  /** Next-hop MTU of a packet-too-big; for a local EMSGSIZE this machine's interface MTU. */
  info: number
  offender: string | undefined
  /** The start of the packet that caused it, as far as the error quotes it. */
  packet: Buffer
  /** When the error arrived, by the kernel's realtime clock relative to the `baseSeconds` that was asked with; NaN where it is not told. */
  receivedNs: number
  /** TTL left in the packet that brought the error; -1 where it is not told. */
  ttl: number
  /** Where in `packet` ICMP extensions begin, as the router says; 0 when it says nothing (ip(7), IP_RECVERR_RFC4884). */
  extensionsAt: number
}

/**
 * Collects what the kernel has received on a socket: one non-blocking recvmmsg for up to 64 messages, with kernel receive timestamps
 * (SO_TIMESTAMPNS), TTL, and the count of messages dropped for want of buffer (SO_RXQ_OVFL). The buffers are kept and used again.
 */
export class Mailbox {
  readonly #headers = Buffer.from(new ArrayBuffer(slots * header))
  readonly #header32 = new Uint32Array(this.#headers.buffer)
  readonly #iov = Buffer.alloc(slots * 16)
  readonly #control: Buffer
  readonly #control32: Uint32Array
  readonly #names = Buffer.alloc(slots * name)
  readonly #data: Buffer
  readonly #slotBytes: number
  readonly #message: Received

  constructor(slotBytes: number) {
    const controls = new ArrayBuffer(slots * control)
    this.#control = Buffer.from(controls)
    this.#control32 = new Uint32Array(controls)
    this.#slotBytes = slotBytes
    this.#data = Buffer.alloc(slots * slotBytes)
    this.#message = { data: this.#data, offset: 0, length: 0, receivedNs: 0, ttl: -1, overflow: 0, names: this.#names, nameOffset: 0 }
    for (let i = 0; i < slots; i++) this.#lay(i)
  }

  #lay(i: number): void {
    const o = i * header
    this.#iov.writeBigUInt64LE(libc.addressOf(this.#data) + BigInt(i * this.#slotBytes), i * 16)
    this.#iov.writeBigUInt64LE(BigInt(this.#slotBytes), i * 16 + 8)
    this.#headers.writeBigUInt64LE(libc.addressOf(this.#names) + BigInt(i * name), o)
    this.#headers.writeBigUInt64LE(libc.addressOf(this.#iov) + BigInt(i * 16), o + 16)
    this.#headers.writeBigUInt64LE(1n, o + 24)
    this.#headers.writeBigUInt64LE(libc.addressOf(this.#control) + BigInt(i * control), o + 32)
    this.#reset(i)
  }

  #reset(i: number): void {
    this.#header32[(i * header + 8) / 4] = name
    this.#header32[(i * header + 40) / 4] = control
  }

  /**
   * Hands over what has arrived, until there is no more or `most` messages were read.
   * Returns 0 when the queue is empty, else the error number that is pending on the socket. The message is valid during the call only.
   */
  drain(fd: number, baseSeconds: number, onMessage: (message: Received) => void, most = 4096): number {
    for (let seen = 0; seen < most; ) {
      const n = libc.recvmmsg(fd, this.#headers, slots, libc.MSG_DONTWAIT, null)
      if (n < 0) {
        const code = libc.errno()
        return code === libc.EAGAIN || code === libc.EINTR ? 0 : code
      }
      for (let i = 0; i < n; i++) {
        this.#read(i, baseSeconds)
        this.#reset(i)
        onMessage(this.#message)
      }
      if (n < slots) return 0
      seen += n
    }
    return 0
  }

  /** Control messages, each `cmsghdr` (length 8, level 4, type 4) and data, aligned to 8 bytes; all read as 32-bit words. */
  #read(i: number, baseSeconds: number): void {
    const m = this.#message
    const words = this.#control32
    m.offset = i * this.#slotBytes
    m.nameOffset = i * name
    m.length = this.#header32[(i * header + 56) / 4]!
    m.receivedNs = Number.NaN
    m.ttl = -1
    const first = (i * control) / 4
    const end = first + this.#header32[(i * header + 40) / 4]! / 4
    for (let w = first; w + 4 <= end; ) {
      const length = words[w]!
      const level = words[w + 2]!
      const type = words[w + 3]!
      if (level === libc.SOL_SOCKET && type === libc.SO_TIMESTAMPNS) {
        m.receivedNs = (words[w + 5]! * 4294967296 + words[w + 4]! - baseSeconds) * 1e9 + words[w + 6]!
      } else if (level === libc.SOL_SOCKET && type === libc.SO_RXQ_OVFL) m.overflow = words[w + 4]!
      else if (level === libc.IPPROTO_IP && type === libc.IP_TTL) m.ttl = words[w + 4]!
      else if (level === libc.IPPROTO_IPV6 && type === libc.IPV6_HOPLIMIT) m.ttl = words[w + 4]!
      if (length < 16) break
      w += ((length + 7) & ~7) / 4
    }
  }
}

const errorData = Buffer.alloc(2048)
const errorIov = Buffer.alloc(16)
const errorHeader = Buffer.alloc(56)
const errorName = Buffer.alloc(name)
const errorControl = Buffer.alloc(512)

/** Takes one entry off the error queue, or undefined when it is empty. Non-blocking (ip(7), IP_RECVERR). */
export const takeError = (fd: number, baseSeconds = 0): QueuedError | undefined => {
  errorIov.writeBigUInt64LE(libc.addressOf(errorData), 0)
  errorIov.writeBigUInt64LE(BigInt(errorData.length), 8)
  errorHeader.fill(0)
  errorHeader.writeBigUInt64LE(libc.addressOf(errorName), 0)
  errorHeader.writeUInt32LE(name, 8)
  errorHeader.writeBigUInt64LE(libc.addressOf(errorIov), 16)
  errorHeader.writeBigUInt64LE(1n, 24)
  errorHeader.writeBigUInt64LE(libc.addressOf(errorControl), 32)
  errorHeader.writeBigUInt64LE(BigInt(errorControl.length), 40)
  const length = Number(libc.recvmsg(fd, errorHeader, libc.MSG_ERRQUEUE | libc.MSG_DONTWAIT))
  if (length < 0) return undefined
  const error = emptyError(Buffer.from(errorData.subarray(0, length)))
  const end = errorHeader.readUInt32LE(40)
  for (let o = 0; o + 16 <= end; ) {
    const size = errorControl.readUInt32LE(o)
    if (size < 16) break
    readControl(error, errorControl.readInt32LE(o + 8), errorControl.readInt32LE(o + 12), o + 16, baseSeconds)
    o += (size + 7) & ~7
  }
  return error
}

/** Hands over what is in the error queue, at most so many. */
export const drainErrors = (fd: number, most: number, onError: (error: QueuedError) => void, baseSeconds = 0): void => {
  for (let i = 0; i < most; i++) {
    const error = takeError(fd, baseSeconds)
    if (!error) return
    onError(error)
  }
}

const emptyError = (packet: Buffer): QueuedError => ({
  errno: 0,
  origin: 0,
  type: 0,
  code: 0,
  info: 0,
  offender: undefined,
  packet,
  receivedNs: Number.NaN,
  ttl: -1,
  extensionsAt: 0,
})

/** One control message of an error, its data at `p`. */
const readControl = (error: QueuedError, level: number, type: number, p: number, baseSeconds: number): void => {
  const v4 = level === libc.IPPROTO_IP
  const v6 = level === libc.IPPROTO_IPV6
  if ((v4 && type === libc.IP_RECVERR) || (v6 && type === libc.IPV6_RECVERR)) readExtendedError(error, p)
  else if ((v4 && type === libc.IP_TTL) || (v6 && type === libc.IPV6_HOPLIMIT)) error.ttl = errorControl.readInt32LE(p)
  else if (level === libc.SOL_SOCKET && type === libc.SO_TIMESTAMPNS)
    error.receivedNs = (Number(errorControl.readBigInt64LE(p)) - baseSeconds) * 1e9 + Number(errorControl.readBigInt64LE(p + 8))
}

/** SO_EE_RFC4884_FLAG_INVALID (linux/errqueue.h): the kernel found the extensions to be malformed. */
const isInvalid = 1

/** `struct sock_extended_err`, `ee_data` being `struct sock_ee_data_rfc4884`, and the sockaddr behind it. */
const readExtendedError = (error: QueuedError, p: number): void => {
  error.errno = errorControl.readUInt32LE(p)
  error.origin = errorControl[p + 4]!
  error.type = errorControl[p + 5]!
  error.code = errorControl[p + 6]!
  error.info = errorControl.readUInt32LE(p + 8)
  error.extensionsAt = errorControl[p + 14]! & isInvalid ? 0 : errorControl.readUInt16LE(p + 12)
  error.offender = addressAt(errorControl, p + 16)
}
