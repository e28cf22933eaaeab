import type { SweepStep } from '../wire/measured.ts'
import { pause } from './finding.ts'
import type { HandshakeOptions } from './net/handshake.ts'
import { type StepSeen, sweepStep, tcpOverhead } from './sweep-step.ts'

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
}

/** A packet that every path carries in practice (RFC 8200 §5 for IPv6), and what IPv4 hosts must accept (RFC 791). */
const safePacket = 1280
const lowestPacket = { 4: 576, 6: 1280 }
/** How long a server that serves one client at a time may take to notice that we hung up. */
const serialPauseMs = 700

/**
 * The path MTU of each direction as TCP meets it, from any TLS server: first a connection each way as TCP makes it; where it stalls, a search
 * for the largest packet that passes, by setting the MSS (tcp(7), TCP_MAXSEG). `echo` tells what passes both ways according to ICMP, or null.
 */
export const searchByTcp = async (
  base: Omit<HandshakeOptions, 'hello'>,
  echo: Promise<number | null>,
  maxSteps: number,
  signal: AbortSignal,
): Promise<TcpSearch> => {
  const sweep: Sweep = { base, maxSteps, steps: [], signal, hello: 'post_quantum' }
  const result: TcpSearch = { forward: { passed: null, lost: null }, reverse: { passed: null, lost: null }, steps: sweep.steps }
  const [forward, reverse] = await Promise.all([step(sweep, 'forward', undefined), step(sweep, 'reverse', undefined)])
  result.forward.full = forward
  result.reverse.full = reverse
  if (reverse.passed === null && !reverse.handshake && !signal.aborted) {
    // Our pieces did not get through: one packet may.
    sweep.hello = 'small'
    result.reverse.full = await step(sweep, 'reverse', undefined)
  }
  const directions = (['forward', 'reverse'] as const).filter(d => result[d].full?.passed === false)
  if (directions.length === 0 || maxSteps === 0) return result
  const echoMtu = await echo
  if (!(await answersSmall(sweep, echoMtu))) {
    if (result.reverse.full?.passed === false) result.reverse.full = { ...result.reverse.full, passed: null }
    if (directions.length === 1 && directions[0] === 'reverse')
      return { ...result, problem: 'the server does not answer even small packets' }
  }
  const holed = directions.filter(d => result[d].full?.passed === false)
  await Promise.all(
    holed.map(d => {
      const seen = result[d]
      seen.lost = topOf(seen)
      seen.passed = echoMtu !== null && echoMtu < seen.lost ? echoMtu : null
      return narrow(sweep, d, seen, echoMtu)
    }),
  )
  for (const d of holed) await confirm(sweep, d, result[d])
  return result
}

const step = async (sweep: Sweep, direction: Direction, packet: number | undefined): Promise<StepSeen> => {
  const seen = await sweepStep(direction, packet, sweep.base, sweep.signal, sweep.hello)
  const size = packet ?? seen.tcpPacket
  if (size !== null) sweep.steps.push({ direction, packet: size, passed: seen.passed, detail: seen.detail })
  return seen
}

/**
 * Whether the server finishes a handshake at all while packets are small. Without it silence proves nothing about sizes. A server that serves
 * one client at a time may still be busy with the connection that stalled, so it is asked again.
 */
const answersSmall = async (sweep: Sweep, echoMtu: number | null): Promise<boolean> => {
  const lowest = lowestPacket[sweep.base.family]
  const packet = Math.max(lowest, Math.min(echoMtu ?? safePacket, safePacket))
  for (let attempt = 0; attempt < 3 && !sweep.signal.aborted; attempt++) {
    if (attempt > 0) await pause(serialPauseMs, sweep.signal)
    const seen = await step(sweep, 'reverse', packet)
    if (seen.handshake || seen.passed) return true
    if (packet === lowest) continue
    const smaller = await step(sweep, 'reverse', lowest)
    if (smaller.handshake || smaller.passed) return true
  }
  return false
}

const spent = (sweep: Sweep, direction: Direction): number => sweep.steps.filter(s => s.direction === direction).length

const topOf = (seen: DirectionSeen): number => seen.full?.tcpPacket ?? 0

/**
 * Narrows one direction down to the byte. A reverse step that finishes without a full segment says nothing about the size: the server's flight
 * is shorter than that, so the search ends with what passed.
 */
const narrow = async (sweep: Sweep, direction: Direction, seen: DirectionSeen, echoMtu: number | null): Promise<void> => {
  while (spent(sweep, direction) < sweep.maxSteps && !sweep.signal.aborted) {
    const next = nextSize(seen, lowestPacket[sweep.base.family], echoMtu)
    if (next === undefined) return
    const result = await step(sweep, direction, next)
    if (result.passed === false) seen.lost = next
    else if (result.passed || result.handshake) seen.passed = next
    else if (!sweep.signal.aborted) {
      // It could not tell: once more, then the search gives up here.
      const again = await step(sweep, direction, next)
      if (again.passed === null && !again.handshake) return
      if (again.passed === false) seen.lost = next
      else seen.passed = next
    }
  }
}

/** What ICMP says comes first, then sizes that split well in practice, then the middle. */
const nextSize = (seen: DirectionSeen, lowest: number, echoMtu: number | null): number | undefined => {
  const low = seen.passed ?? lowest - 1
  const high = seen.lost!
  if (high - low <= 1) return undefined
  const inside = (size: number | null): size is number => size !== null && size > low && size < high
  const hints = [echoMtu === null ? null : echoMtu + 1, seen.passed === null ? safePacket : null, 1500]
  return hints.find(inside) ?? Math.floor((low + high) / 2)
}

/** The size that was lost, once more and alone: random loss, or a server that was busy, must not pass for a hole. */
const confirm = async (sweep: Sweep, direction: Direction, seen: DirectionSeen): Promise<void> => {
  for (let again = 0; again < 2 && seen.passed !== null && seen.lost === seen.passed + 1 && !sweep.signal.aborted; again++) {
    const result = await step(sweep, direction, seen.lost)
    if (result.passed !== true) return
    seen.passed = seen.lost
    seen.lost = topOf(seen)
    if (seen.passed === seen.lost) {
      seen.full = { ...seen.full!, passed: true }
      seen.lost = null
    } else await narrow({ ...sweep, maxSteps: sweep.maxSteps + 8 }, direction, seen, null)
  }
}

/** The MSS that keeps packets of a size. */
export const mssOf = (packet: number, family: 4 | 6): number => packet - tcpOverhead[family]
