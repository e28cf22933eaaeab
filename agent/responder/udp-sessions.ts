/** What the responder makes of a datagram: pure but for its table of sessions and the clock that it is given. */
import { createHmac, timingSafeEqual } from 'node:crypto'
import {
  at,
  datagramFlags,
  datagramTypes,
  helloDatagramBytes,
  isDatagram,
  mostDatagramBytes,
  type SessionCounters,
  tokenBytes,
  writeCounters,
  writeHead,
  writeTime,
} from '../../wire/responder-udp.ts'
import type { ResponderCounters } from './counters.ts'
import { buildPlaces, buildRate, type ResponderLimits } from './limits.ts'

/** A datagram as it arrived. `name` holds the sender's sockaddr (16 or 28 bytes) at `nameOffset`; the rest is valid during the call only. */
export type Arrived = {
  data: Buffer
  offset: number
  length: number
  name: Buffer
  nameOffset: number
  ttl: number
  seconds: number
  nanoseconds: number
  kernelTime: boolean
}

export type UdpSessions = {
  /** Writes the reply into `reply` and returns its length, never more than the request's; 0: no reply. The time of sending is the caller's to write. */
  answer(arrived: Arrived, reply: Buffer): number
  open(): number
}

type Session = SessionCounters & { source: string; token: Buffer; highest: number; window: Uint32Array; seenAtMs: number }

/** Sequence numbers behind the highest of which it is known whether they were there; what is older counts as a duplicate. */
const windowBits = 2048
const AF_INET6 = 10

type SessionsOptions = {
  agentId: () => string | null
  secret: Buffer
  limits: ResponderLimits
  counters: ResponderCounters
  nowMs: () => number
}

export const buildUdpSessions = ({ agentId, secret, limits, counters, nowMs }: SessionsOptions): UdpSessions => {
  const sessions = new Map<string, Session>()
  const places = buildPlaces(limits.sessionsPerSource, limits.sessions)
  const rate = buildRate(limits.datagramsPerSource, limits.datagrams, nowMs)
  const helloRate = buildRate(limits.hellos, limits.hellos, nowMs)
  let sweptAtMs = nowMs()

  const sweep = (): void => {
    const now = nowMs()
    if (now - sweptAtMs < limits.sessionIdleMs / 4) return
    sweptAtMs = now
    for (const [key, session] of sessions)
      if (now - session.seenAtMs > limits.sessionIdleMs) {
        sessions.delete(key)
        places.leave(session.source)
      }
  }

  const welcome = (arrived: Arrived, reply: Buffer, source: string): number => {
    if (arrived.length < helloDatagramBytes) return ignored(counters)
    if (!helloRate.take('') || !rate.take(source)) return suppressed(counters)
    const agentName = Buffer.from(agentId() ?? '')
    const length = at.agentId + agentName.length
    writeHead(reply, length, datagramTypes.welcome)
    copyHead(arrived, reply)
    tokenOf(secret, arrived).copy(reply, at.token)
    if (!places.hasRoom(source)) reply[at.flags]! |= datagramFlags.full
    reply[at.agentIdBytes] = agentName.length
    agentName.copy(reply, at.agentId)
    return length
  }

  /** The session that a datagram belongs to, if its token says so; a new one when it is the first of its caller's. */
  const sessionOf = (arrived: Arrived, source: string): Session | undefined => {
    const { data, offset } = arrived
    const key = data.toString('latin1', offset + at.session, offset + at.token + tokenBytes)
    const known = sessions.get(key)
    // Whoever has seen a token cannot use it from another address.
    const token = known?.token ?? data.subarray(offset + at.token, offset + at.token + tokenBytes)
    const isNew = known === undefined || known.source !== source
    if (isNew && !timingSafeEqual(token, tokenOf(secret, arrived))) return void ignored(counters)
    if (known) return known
    if (!places.enter(source)) return void suppressed(counters)
    const made = { ...noCounters, source, token: Buffer.from(token), highest: -1, window: new Uint32Array(windowBits / 32), seenAtMs: 0 }
    sessions.set(key, made)
    counters.sessions += 1
    return made
  }

  return {
    open: () => sessions.size,
    answer(arrived, reply) {
      const { data, offset, length } = arrived
      counters.datagrams += 1
      if (length > mostDatagramBytes) {
        counters.datagramsOversize += 1
        return 0
      }
      if (!isDatagram(data, offset, length)) return ignored(counters)
      sweep()
      const type = data[offset + at.type]
      const source = sourceKey(arrived)
      if (type === datagramTypes.hello) return welcome(arrived, reply, source)
      if (type !== datagramTypes.probe && type !== datagramTypes.query) return ignored(counters)
      const session = sessionOf(arrived, source)
      if (!session) return 0
      session.seenAtMs = nowMs()
      const isProbe = type === datagramTypes.probe
      if (isProbe && !isCounted(session, data.readUInt32BE(offset + at.sequence))) return 0
      if (!rate.take(source)) {
        if (isProbe) session.suppressed += 1
        return suppressed(counters)
      }
      if (isProbe) session.sent += 1
      writeHead(reply, length, isProbe ? datagramTypes.echo : datagramTypes.counters)
      copyHead(arrived, reply)
      data.copy(reply, at.token, offset + at.token, offset + at.token + tokenBytes)
      writeCounters(reply, session)
      return length
    },
  }
}

const noCounters: SessionCounters = { received: 0, duplicates: 0, reordered: 0, sent: 0, suppressed: 0 }

const ignored = (counters: ResponderCounters): 0 => {
  counters.datagramsIgnored += 1
  return 0
}
const suppressed = (counters: ResponderCounters): 0 => {
  counters.datagramsSuppressed += 1
  return 0
}

/** Whether a sequence number is new; counts it either way. Each new number clears those that leave the window behind it. */
const isCounted = (session: Session, sequence: number): boolean => {
  const { window, highest } = session
  if (sequence > highest) {
    const from = Math.max(highest + 1, sequence - windowBits + 1)
    for (let i = from; i <= sequence; i++) window[(i >>> 5) % window.length]! &= ~(1 << (i & 31))
    session.highest = sequence
  } else if (highest - sequence >= windowBits || window[(sequence >>> 5) % window.length]! & (1 << (sequence & 31))) {
    session.duplicates += 1
    return false
  } else session.reordered += 1
  window[(sequence >>> 5) % window.length]! |= 1 << (sequence & 31)
  session.received += 1
  return true
}

const isV6 = ({ name, nameOffset }: Arrived): boolean => name.readUInt16LE(nameOffset) === AF_INET6

/** As `sourceOf` in `limits.ts`, of the bytes: an IPv4 address, or an IPv6 network of 64 bits. */
const sourceKey = (arrived: Arrived): string => {
  const { name, nameOffset: o } = arrived
  return isV6(arrived) ? name.toString('latin1', o + 8, o + 16) : name.toString('latin1', o + 4, o + 8)
}

/** Of the sender's address and port and its session. */
const tokenOf = (secret: Buffer, arrived: Arrived): Buffer => {
  const { data, offset, name, nameOffset: o } = arrived
  const mac = createHmac('sha256', secret).update(name.subarray(o, o + (isV6(arrived) ? 24 : 8)))
  return mac
    .update(data.subarray(offset + at.session, offset + at.token))
    .digest()
    .subarray(0, tokenBytes)
}

/** What every reply tells of its request. */
const copyHead = (arrived: Arrived, reply: Buffer): void => {
  const { data, offset, name, nameOffset: o, ttl } = arrived
  data.copy(reply, at.session, offset + at.session, offset + at.token)
  data.copy(reply, at.sequence, offset + at.sequence, offset + at.sequence + 4)
  const v6 = isV6(arrived)
  reply[at.flags] = arrived.kernelTime ? datagramFlags.kernelTime : 0
  reply[at.ttl] = ttl < 0 ? 0 : ttl
  reply[at.family] = v6 ? 6 : 4
  name.copy(reply, at.port, o + 2, o + 4)
  if (v6) name.copy(reply, at.address, o + 8, o + 24)
  else name.copy(reply, at.address, o + 4, o + 8)
  writeTime(reply, at.receivedSeconds, arrived.seconds, arrived.nanoseconds)
}
