import type { Options } from '../wire/options.ts'
import type { Outcome } from '../wire/result.ts'
import { pause, type Resolved } from './finding.ts'
import { isTooBig } from './icmp-errors.ts'
import { EchoSession, joinEchoes } from './net/echoes.ts'
import { EMSGSIZE } from './net/libc.ts'
import { sockaddr } from './net/sockaddr.ts'

/** A packet-too-big from the path: who sent it, and the MTU it announced. */
export type TooBig = { from: string; mtu: number }

export type EchoSearch = {
  /** The largest packet whose echo came back; null when nothing did. */
  echoMtu: number | null
  /** The smallest packet above it that got neither a reply nor a packet-too-big, when there was one. */
  silentAt: number | null
  localMtu: number | null
  tooBig: TooBig | null
  /** Packets sent. */
  sent: number
  /** Why no echo could be sent at all. */
  problem?: Outcome
}

/** IP and ICMP header: what a packet has beside the echo's data (RFC 791, RFC 8200, RFC 792). */
export const echoOverhead = { 4: 28, 6: 48 }
const smallest = { 4: 68, 6: 1280 }
const largestPacket = 65_535
/** Sizes that paths have in practice: RFC 1191 §7.1 and the clouds' and tunnels' own. Where they fit, the search is over in two rounds. */
const plateaus = [
  576, 1006, 1280, 1300, 1320, 1340, 1350, 1360, 1370, 1380, 1390, 1394, 1400, 1406, 1410, 1420, 1430, 1436, 1440, 1450, 1454, 1460, 1472,
  1480, 1492, 1500, 2002, 4352, 8192, 8500, 8896, 9000, 9001,
]
const perRound = 24
/** Packets in one go, and the time between goes: a full round must not be a burst that overflows somebody's queue. */
const burst = 6
const burstGapMs = 4
/** A size that vanished counts as lost on purpose only after so many more tries. */
const confirmTries = 6
/** Without any reply so far, how long the last try is waited for. */
const silenceMs = 800

type Search = {
  to: Buffer
  overhead: number
  /** The packet size of every echo sent, by its index. */
  sizes: number[]
  passed: Set<number>
  tooBig: TooBig | null
  localMtu: number | null
  slowestMs: number
}

/**
 * Finds the largest packet whose echo comes back, with "don't fragment" set and this machine's path-MTU cache ignored (RFC 1191; the search is
 * RFC 8899's in spirit). All sizes of a round are on their way at once; nothing that a router announces is believed before an echo of that
 * size has passed. An echo travels both ways: the result is the smaller direction, except that a router may fragment the reply.
 */
export const searchByEcho = async (
  target: Resolved,
  options: Pick<Options['mtu'], 'tries' | 'source'>,
  signal: AbortSignal,
): Promise<EchoSearch> => {
  const state: Search = {
    to: sockaddr(target.address),
    overhead: echoOverhead[target.family],
    sizes: [],
    passed: new Set(),
    tooBig: null,
    localMtu: null,
    slowestMs: 0,
  }
  const session = joinEchoes(
    target.family,
    { source: options.source, dontFragment: true, largestBytes: largestPacket },
    {
      reply: (index, rttMs) => {
        state.passed.add(state.sizes[index]!)
        if (rttMs > state.slowestMs) state.slowestMs = rttMs
      },
      error: (_index, error) => {
        if (error.origin === 1 && error.errno === EMSGSIZE) state.localMtu = error.info
        else if (
          isTooBig(error, target.family) &&
          error.info >= smallest[target.family] &&
          error.info < (state.tooBig?.mtu ?? Number.POSITIVE_INFINITY)
        )
          state.tooBig = { from: error.offender ?? 'a router', mtu: error.info }
      },
    },
    4096,
  )
  if (!(session instanceof EchoSession)) return { ...noEcho, problem: session }
  try {
    return await search(session, state, target, options.tries, signal)
  } finally {
    session.leave()
  }
}

export const noEcho: EchoSearch = { echoMtu: null, silentAt: null, localMtu: null, tooBig: null, sent: 0 }

const search = async (session: EchoSession, state: Search, target: Resolved, tries: number, signal: AbortSignal): Promise<EchoSearch> => {
  const lowest = smallest[target.family]
  // A packet larger than any interface: this machine refuses it and names its own MTU. On loopback it passes.
  send(session, state, largestPacket)
  session.collect()
  const top = state.localMtu ?? largestPacket
  let low = 0
  let high = top + 1
  let sizes = [lowest, ...plateaus.filter(size => size > lowest && size < top), top]
  for (let rounds = 0; rounds < 8 && !signal.aborted; rounds++) {
    await round(session, state, sizes, tries, signal)
    low = Math.max(0, ...[...state.passed].filter(size => size <= top))
    if (low === 0 || low === top) break
    high = Math.min(high, ...sizes.filter(size => size > low))
    if (high <= low) high = top
    if (high === low + 1 && sizes.length === 2) break
    sizes = high === low + 1 ? [low, high] : between(low, high, state.tooBig?.mtu)
    if (sizes.length === 2) tries = confirmTries
  }
  const announced = state.tooBig && state.tooBig.mtu < high ? state.tooBig : null
  return {
    echoMtu: low || null,
    silentAt: low > 0 && low < top && !announced ? high : null,
    localMtu: state.localMtu,
    tooBig: state.tooBig,
    sent: state.sizes.length,
  }
}

/** The next round's sizes: what a router announced and one byte more, and evenly spread ones. */
const between = (low: number, high: number, announced: number | undefined): number[] => {
  const hints = announced === undefined ? [] : [announced, announced + 1]
  const step = Math.max(1, (high - low) / perRound)
  const spread = Array.from({ length: perRound }, (_, i) => Math.round(low + step * (i + 1)))
  return [...new Set([...hints, ...spread, high])].filter(size => size > low && size <= high).sort((a, b) => a - b)
}

const send = (session: EchoSession, state: Search, size: number): void => {
  state.sizes.push(size)
  session.send(state.to, state.sizes.length - 1, size - state.overhead)
}

/** Sends every size that has not passed yet, `tries` times, and waits for what comes back. A reply to a size answers for all smaller ones. */
const round = async (session: EchoSession, state: Search, sizes: number[], tries: number, signal: AbortSignal): Promise<void> => {
  const confirming = sizes.length === 2
  const open = (): number[] => {
    const low = Math.max(0, ...state.passed)
    const ceiling = state.tooBig?.mtu ?? Number.POSITIVE_INFINITY
    return sizes.filter(size => (confirming && size === sizes[0]) || (size > low && (size <= ceiling || size === sizes.at(-1))))
  }
  for (let t = 0; t < tries && !signal.aborted; t++) {
    const now = open()
    if (now.length === 0 || (!confirming && now.every(size => state.passed.has(size)))) return
    session.look()
    for (const [i, size] of now.entries()) {
      if (i > 0 && i % burst === 0) await pause(burstGapMs, signal)
      send(session, state, size)
    }
    const last = t === tries - 1
    await settle(session, state, () => open().length === 0, last, signal)
  }
}

/** Waits for replies: between tries about one round trip, after the last as long as a late one may take. */
const settle = async (session: EchoSession, state: Search, done: () => boolean, last: boolean, signal: AbortSignal): Promise<void> => {
  const start = performance.now()
  for (;;) {
    session.collect()
    const known = state.slowestMs > 0
    const waitMs = last
      ? known
        ? Math.max(100, 2 * state.slowestMs + 40)
        : silenceMs
      : known
        ? Math.min(150, 1.3 * state.slowestMs + 10)
        : 120
    const left = waitMs - (performance.now() - start)
    if (left <= 0 || signal.aborted || done()) return
    await pause(Math.min(left, 3), signal)
  }
}
