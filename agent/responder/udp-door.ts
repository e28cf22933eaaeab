import { constants } from 'node:os'
import * as libc from '../../probes/net/libc.ts'
import { localPort } from '../../probes/net/local-port.ts'
import { Mailbox, type Received } from '../../probes/net/mailbox.ts'
import { realtimeNs } from '../../probes/net/realtime.ts'
import { familyOf, sockaddr } from '../../probes/net/sockaddr.ts'
import { at, mostDatagramBytes, writeTime } from '../../wire/responder-udp.ts'
import type { ResponderCounters } from './counters.ts'
import type { Arrived, UdpSessions } from './udp-sessions.ts'

/**
 * Datagrams at one look from which on signals are switched off and the socket is looked at each ms instead: a flood would interrupt the process for each
 * of its datagrams.
 */
const flood = 32
const floodLookMs = 1
/** A look without a signal: where the kernel sends none, replies are this late. They say when they left, so round trips are no worse for it. */
const anywayMs = 250
/** Datagrams per look: the rest of the process has its turn in between. */
const mostPerLook = 1024

export type UdpDoor = { port: number; close(): void }

/** A UDP socket on an address, its answers made by `sessions`. Throws when it cannot be opened, with the system's name for why. */
export const openUdpDoor = (address: string, port: number, sessions: UdpSessions, counters: ResponderCounters): UdpDoor => {
  const fd = bindUdp(address, port)
  const mailbox = new Mailbox(mostDatagramBytes + 1)
  const reply = Buffer.alloc(mostDatagramBytes)
  const arrived: Arrived = {
    data: reply,
    offset: 0,
    length: 0,
    name: reply,
    nameOffset: 0,
    ttl: -1,
    seconds: 0,
    nanoseconds: 0,
    kernelTime: false,
  }
  const baseSeconds = Math.floor(Date.now() / 1000)
  let overflow = 0
  let timer: NodeJS.Timeout | undefined

  const onMessage = (m: Received): void => {
    const known = !Number.isNaN(m.receivedNs)
    const receivedNs = known ? m.receivedNs : realtimeNs(baseSeconds)
    arrived.data = m.data
    arrived.offset = m.offset
    arrived.length = m.length
    arrived.name = m.names
    arrived.nameOffset = m.nameOffset
    arrived.ttl = m.ttl
    arrived.seconds = baseSeconds + Math.floor(receivedNs / 1e9)
    arrived.nanoseconds = receivedNs % 1e9
    arrived.kernelTime = known
    overflow = m.overflow
    const length = sessions.answer(arrived, reply)
    if (length === 0) return
    const nameBytes = m.names.readUInt16LE(m.nameOffset) === libc.AF_INET6 ? 28 : 16
    const to = m.names.subarray(m.nameOffset, m.nameOffset + nameBytes)
    const nowNs = realtimeNs(baseSeconds)
    writeTime(reply, at.sentSeconds, baseSeconds + Math.floor(nowNs / 1e9), nowNs % 1e9)
    if (libc.sendto(fd, reply, length, libc.MSG_DONTWAIT, to, nameBytes) < 0) counters.datagramsDropped += 1
    else counters.replies += 1
  }

  const look = (): void => {
    const before = counters.datagrams
    const lost = overflow
    mailbox.drain(fd, baseSeconds, onMessage, mostPerLook)
    counters.datagramsDropped += Math.max(0, overflow - lost)
    const isFlood = counters.datagrams - before >= flood
    if (isFlood === (timer !== undefined)) return
    setSignals(fd, !isFlood)
    clearInterval(timer)
    timer = isFlood ? setInterval(look, floodLookMs) : undefined
    // What came in before the signals were on again has sent none.
    if (!isFlood) look()
  }
  const anyway = setInterval(look, anywayMs)
  process.on(wakeSignal, look)
  setSignals(fd, true)
  return {
    port: localPort(fd),
    close: () => {
      process.off(wakeSignal, look)
      clearInterval(anyway)
      clearInterval(timer)
      libc.close(fd)
    },
  }
}

/**
 * Signal-driven input (socket(7), fcntl(2), F_SETSIG): libuv's own UDP handle would read the datagrams itself, without times and TTL. A signal that is
 * ignored unless somebody listens, so that a late one does no harm.
 */
const wakeSignal = 'SIGURG'

const setSignals = (fd: number, on: boolean): void => {
  libc.fcntl(fd, libc.F_SETOWN, process.pid)
  libc.fcntl(fd, libc.F_SETSIG, constants.signals[wakeSignal])
  const flags = libc.fcntl(fd, libc.F_GETFL, 0)
  libc.fcntl(fd, libc.F_SETFL, on ? flags | libc.O_ASYNC : flags & ~libc.O_ASYNC)
}

const bindUdp = (address: string, port: number): number => {
  const family = familyOf(address)
  if (!family) throw new Error(`${address} is not an address`)
  const fd = libc.socket(family === 4 ? libc.AF_INET : libc.AF_INET6, libc.SOCK_DGRAM | libc.SOCK_NONBLOCK | libc.SOCK_CLOEXEC, 0)
  if (fd < 0) throw new Error(`UDP socket: ${libc.errnoName(libc.errno())}`)
  const set = (level: number, name: number, value: number): number => libc.setsockopt(fd, level, name, libc.int32(value), 4)
  set(libc.SOL_SOCKET, libc.SO_TIMESTAMPNS, 1)
  set(libc.SOL_SOCKET, libc.SO_RXQ_OVFL, 1)
  set(libc.SOL_SOCKET, libc.SO_RCVBUF, 4 << 20)
  if (family === 4) set(libc.IPPROTO_IP, libc.IP_RECVTTL, 1)
  else {
    set(libc.IPPROTO_IPV6, libc.IPV6_V6ONLY, 1)
    set(libc.IPPROTO_IPV6, libc.IPV6_RECVHOPLIMIT, 1)
  }
  const here = sockaddr(address, port)
  if (libc.bind(fd, here, here.length) < 0) {
    const code = libc.errnoName(libc.errno())
    libc.close(fd)
    throw new Error(`UDP port ${port} of ${address}: ${code}`)
  }
  return fd
}
