import type { SweepStep } from '../wire/measured.ts'
import { pause } from './finding.ts'
import type { HandshakeOptions } from './net/handshake.ts'
import { type StepSeen, sweepStep, tcpOverhead } from './sweep-step.ts'
import type { Answer } from './sweep-watch.ts'

/** What TCP showed of one direction. */
export type DirectionSeen = {
  /** The connection with the MSS as TCP agrees on it. */
  full?: StepSeen
  /** The largest packet that passed and the smallest that was lost, when TCP's own packets are lost. */
  passed: number | null
  lost: number | null
}

export type TcpSearch = { forward: DirectionSeen; reverse: DirectionSeen; steps: SweepStep[]; problem?: string }

type Direction = SweepStep['direction']
type Sweep = {
  base: Omit<HandshakeOptions, 'hello'>
  maxSteps: number
  steps: SweepStep[]
  signal: AbortSignal
  hello: 'post_quantum' | 'small'
  /** How the server answered while packets were small. */
  known: Answer | null
}

/** A packet that every path carries in practice (RFC 8200 §5 for IPv6), and what IPv4 hosts must accept (RFC 791). */
const safePacket = 1280
const ethernet = 1500
const lowestPacket = { 4: 576, 6: 1280 }
/** How long a server that serves one client at a time may take to notice that we hung up. */
const serialPauseMs = 700
/** How long ICMP waits for the first connection to stand. */
const unansweredMs = 700

/**
 * The path MTU of each direction as TCP meets it, from any TLS server: first a connection each way as TCP makes it; where it stalls, a search
 * for the largest packet that passes, by setting the MSS (tcp(7), TCP_MAXSEG). `startEcho` asks ICMP what passes both ways, or null.
 *
 * The reverse direction is done before anything large is sent from here: a packet-too-big that this kernel then remembers would also lower the
 * MSS that later connections advertise (net/ipv4/route.c, ipv4_default_advmss), and with it what the peer sends.
 */
export const searchByTcp = async (
  base: Omit<HandshakeOptions, 'hello'>,
  startEcho: () => Promise<number | null>,
  maxSteps: number,
  signal: AbortSignal,
): Promise<TcpSearch> => {
  const sweep: Sweep = { base, maxSteps, steps: [], signal, hello: 'post_quantum', known: null }
  const forward: DirectionSeen = { passed: null, lost: null }
  const reverse: DirectionSeen = { passed: null, lost: null }
  const result: TcpSearch = { forward, reverse, steps: sweep.steps }
  await reverseFirst(sweep, reverse, startEcho)
  if (isHole(reverse) && maxSteps > 0) {
    if (await answersSmall(sweep)) await bracket(sweep, 'reverse', reverse, null)
    else {
      result.problem = 'the server does not answer even small packets'
      reverse.full = { ...reverse.full!, passed: null }
    }
  }
  const echo = startEcho()
  forward.full = await step(sweep, 'forward', undefined)
  if (isHole(forward) && maxSteps > 0) await bracket(sweep, 'forward', forward, await echo)
  for (const [direction, seen] of [
    ['reverse', reverse],
    ['forward', forward],
  ] as const)
    await confirm(sweep, direction, seen)
  return result
}

const isHole = (seen: DirectionSeen): boolean => seen.full?.passed === false

/** The first connection. ICMP waits for it, unless it does not even connect; a server that does not get our pieces may get one packet. */
const reverseFirst = async (sweep: Sweep, reverse: DirectionSeen, startEcho: () => Promise<number | null>): Promise<void> => {
  const unanswered = setTimeout(() => void startEcho(), unansweredMs)
  try {
    reverse.full = await step(sweep, 'reverse', undefined, () => clearTimeout(unanswered))
  } finally {
    clearTimeout(unanswered)
  }
  if (reverse.full.passed !== null || reverse.full.handshake || reverse.full.tcpPacket === null || sweep.signal.aborted) return
  sweep.hello = 'small'
  reverse.full = await step(sweep, 'reverse', undefined)
}

const step = async (sweep: Sweep, direction: Direction, packet: number | undefined, onConnected?: () => void): Promise<StepSeen> => {
  const seen = await sweepStep(direction, packet, sweep.base, sweep.signal, sweep.hello, { onConnected, known: sweep.known })
  if (seen.answer && (seen.passed || seen.handshake)) sweep.known = seen.answer
  if (seen.tcpPacket !== null) sweep.steps.push({ direction, packet: seen.tcpPacket, passed: seen.passed, detail: seen.detail })
  return seen
}

/**
 * Whether the server finishes a handshake at all while packets are small. Without it silence proves nothing about sizes. A server that serves
 * one client at a time may still be busy with the connection that stalled, so it is asked again.
 */
const answersSmall = async (sweep: Sweep): Promise<boolean> => {
  const lowest = lowestPacket[sweep.base.family]
  for (let attempt = 0; attempt < 3 && !sweep.signal.aborted; attempt++) {
    if (attempt > 0) await pause(serialPauseMs, sweep.signal)
    for (const packet of new Set([safePacket, lowest])) {
      const seen = await step(sweep, 'reverse', packet)
      if (seen.handshake || seen.passed) return true
    }
  }
  return false
}

const topOf = (seen: DirectionSeen): number => seen.full?.tcpPacket ?? 0

/** Starts the search from what is known: the size that was lost, and what has passed already or passes by ICMP. */
const bracket = (sweep: Sweep, direction: Direction, seen: DirectionSeen, echoMtu: number | null): Promise<void> => {
  seen.lost = topOf(seen)
  const passed = sweep.steps.filter(s => s.direction === direction && s.passed).map(s => s.packet)
  const known = Math.max(0, echoMtu !== null && echoMtu < seen.lost ? echoMtu : 0, ...passed)
  seen.passed = known || null
  return narrow(sweep, direction, seen, echoMtu)
}

/**
 * Narrows one direction down to the byte, two sizes at a time while the steps allow it. A handshake that finishes without a full segment passes
 * too: the server's flight fits.
 */
const narrow = async (sweep: Sweep, direction: Direction, seen: DirectionSeen, echoMtu: number | null): Promise<void> => {
  for (let left = sweep.maxSteps; !sweep.signal.aborted; ) {
    const sizes = nextSizes(seen, lowestPacket[sweep.base.family], echoMtu, left)
    if (sizes.length === 0) return
    left -= sizes.length
    const results = await Promise.all(sizes.map(size => step(sweep, direction, size)))
    const before = [seen.passed, seen.lost].join()
    for (const [i, result] of results.entries()) learn(seen, sizes[i]!, result)
    if ([seen.passed, seen.lost].join() === before) return
  }
}

/** A step that ran with smaller packets than asked for (the peer's MSS, or a remembered path MTU) says something about those only. */
const learn = (seen: DirectionSeen, asked: number, result: StepSeen): void => {
  const size = Math.min(asked, result.tcpPacket ?? asked)
  if (result.passed === false) seen.lost = Math.min(seen.lost!, size)
  else if (result.passed || result.handshake) seen.passed = Math.max(seen.passed ?? 0, size)
}

/** What ICMP says comes first, then a size that every path should carry and the usual one of Ethernet, then thirds, or the middle when steps are few. */
const nextSizes = (seen: DirectionSeen, lowest: number, echoMtu: number | null, left: number): number[] => {
  const low = seen.passed ?? lowest - 1
  const high = seen.lost!
  if (high - low <= 1 || left <= 0) return []
  const hint = [echoMtu === null ? 0 : echoMtu + 1, seen.passed === null ? safePacket : 0, ethernet, ethernet + 1].find(
    size => size > low && size < high,
  )
  if (hint !== undefined) return [hint]
  const thirds = 2 * Math.ceil(Math.log(high - low) / Math.log(3)) <= left
  if (!thirds || high - low === 2) return [Math.floor((low + high) / 2)]
  return [...new Set([low + Math.round((high - low) / 3), low + Math.round((2 * (high - low)) / 3)])]
}

/** The size that was lost, once more, alone and with patience: random loss, or a server that was busy, must not pass for a hole. */
const confirm = async (sweep: Sweep, direction: Direction, seen: DirectionSeen): Promise<void> => {
  if (!isHole(seen)) return
  sweep.known = null
  for (let again = 0; again < 2 && seen.passed !== null && seen.lost === seen.passed + 1 && !sweep.signal.aborted; again++) {
    const result = await step(sweep, direction, seen.lost)
    if (result.passed !== true || (result.tcpPacket ?? 0) < seen.lost) return
    seen.passed = seen.lost
    seen.lost = topOf(seen)
    if (seen.passed === seen.lost) {
      seen.full = { ...seen.full!, passed: true }
      seen.lost = null
    } else await narrow(sweep, direction, seen, null)
  }
}

/** The MSS that keeps packets of a size. */
export const mssOf = (packet: number, family: 4 | 6): number => packet - tcpOverhead[family]
