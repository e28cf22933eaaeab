/** Probes played as packets, there and back. A verdict comes from what came back, and from what the far end could tell. */
import type { PathVerdict } from '../../controller/localise/verdict.ts'
import { carries, type Packet } from './element.ts'
import type { Pair } from './topology.ts'

type Seen = Pick<PathVerdict, 'verdict' | 'layer' | 'reason' | 'direction'>
type Way = { pair: Pair; family: 4 | 6; flow: number; random: () => number }

const good: Seen = { verdict: 'good' }

const go = ({ pair, family, flow, random }: Way, way: 'forward' | 'back', sizeBytes: number, isSyn = false): boolean => {
  const packet: Packet = { sizeBytes, isSyn, family, flow }
  return carries(pair[way], packet, random)
}

/** A minute of a check: thirty packets. */
const packetCount = 30
/** As the default rule for loss at once has it: more than 5 %. */
const mostLoss = 0.05

export const playIcmp = (way: Way): Seen => {
  let received = 0
  for (let i = 0; i < packetCount; i++) if (go(way, 'forward', 84) && go(way, 'back', 84)) received++
  if (received === 0) return { verdict: 'bad', layer: 'reach', reason: 'no_reply' }
  return 1 - received / packetCount > mostLoss ? { verdict: 'bad', layer: 'reach', reason: 'packet_loss' } : good
}

/** The responder says how many datagrams it got, if its answers come back at all. */
export const playUdp = (way: Way): Seen => {
  let [arrived, back] = [0, 0]
  for (let i = 0; i < packetCount; i++)
    if (go(way, 'forward', 100)) {
      arrived++
      if (go(way, 'back', 100)) back++
    }
  if (back === 0) return { verdict: 'bad', layer: 'reach', reason: 'no_reply' }
  if (1 - back / packetCount <= mostLoss) return good
  const [there, home] = [1 - arrived / packetCount, 1 - back / arrived]
  const direction = there > 3 * home ? 'forward' : home > 3 * there ? 'reverse' : 'both'
  return { verdict: 'bad', layer: 'reach', reason: 'packet_loss', direction }
}

/** As often as a SYN, or a segment, is sent before the check gives up. */
const tries = 3
const crosses = (sent: () => boolean): boolean => Array.from({ length: tries }).some(() => sent())
const connects = (way: Way): boolean => crosses(() => go(way, 'forward', 60, true) && go(way, 'back', 60))

export const playTcp = (way: Way): Seen => (connects(way) ? good : { verdict: 'bad', layer: 'tcp', reason: 'tcp_timeout' })

const largeBytes = 1450
export const playMtu = (way: Way): Seen => {
  if (!crosses(() => go(way, 'forward', 84) && go(way, 'back', 84))) return { verdict: 'bad', layer: 'reach', reason: 'no_reply' }
  const forward = crosses(() => go(way, 'forward', largeBytes) && go(way, 'back', 84))
  const reverse = crosses(() => go(way, 'forward', 84) && go(way, 'back', largeBytes))
  if (forward && reverse) return good
  const direction = forward ? 'reverse' : reverse ? 'forward' : 'both'
  return { verdict: 'bad', layer: 'path', reason: 'mtu_black_hole', direction }
}

/** What the ends themselves do wrong: who does not hold whose authority, whose certificate has ended. */
export type Trust = { refuses: (pair: Pair) => boolean; isExpired: (pair: Pair) => boolean }

/** Both sides send certificates that fill whole packets; a segment that is lost is sent again, a hole takes it every time. */
export const playMtls = (way: Way, trust: Trust): Seen => {
  if (!connects(way)) return { verdict: 'bad', layer: 'tcp', reason: 'tcp_timeout' }
  const serverFlight = crosses(() => go(way, 'back', largeBytes) && go(way, 'forward', 60))
  const clientFlight = crosses(() => go(way, 'forward', largeBytes) && go(way, 'back', 60))
  if (!serverFlight || !clientFlight) return { verdict: 'bad', layer: 'tls', reason: 'tls_stalled' }
  if (trust.isExpired(way.pair)) return { verdict: 'bad', layer: 'identity', reason: 'svid_expired' }
  return trust.refuses(way.pair) ? { verdict: 'bad', layer: 'identity', reason: 'untrusted_chain' } : good
}
