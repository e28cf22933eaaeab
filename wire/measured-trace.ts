import type { FailReason } from './reasons.ts'

/** One label of the stack that a packet had when its TTL ran out (RFC 4950 §2). */
export type MplsLabel = { label: number; trafficClass: number; ttl: number }

/** What a router says of one of its interfaces (RFC 5837 §4). */
export type TraceInterface = {
  role: 'incoming' | 'incoming_ip' | 'outgoing' | 'next_hop'
  index?: number
  address?: string
  name?: string
  mtu?: number
}

export type TraceHop = {
  ttl: number
  /** Who answered, of the first flow that was answered here; null: nobody. */
  address: string | null
  /** Median of the answers; null where none was timed. */
  rttMs: number | null
  rttMinMs: number | null
  rttMaxMs: number | null
  /** Of those sent, 0 to 1: what later hops lost too. A router that answers slowly forwards all the same. */
  loss: number
  /** Of all flows, with what its own rate limit left unanswered. */
  sent: number
  received: number
  /** It answered less than later hops did: its answers are limited, packets are not lost there. */
  rateLimited?: true
  /** All that answered at this distance, where they are several: parallel ways. */
  addresses?: string[]
  /** TTL left in its answers, and what follows from it: how many hops its way back has. */
  ttlHere: number | null
  returnHops: number | null
  mpls?: MplsLabel[]
  interfaces?: TraceInterface[]
  /** It said that the target can't be reached. */
  unreachable?: FailReason
}

/** One flow: all its packets look alike to a router that shares traffic over several ways. */
export type TraceFlow = {
  /** Source port; of echoes their identifier. Null where it is not known. */
  id: number | null
  /** Who answered at TTL 1, 2, …; null: nobody. */
  route: (string | null)[]
  reached: boolean
  /** The TTL that reached the target. */
  hops: number | null
}

export type TraceMeasured = {
  protocol: 'icmp' | 'udp' | 'tcp'
  port: number | null
  hops: TraceHop[]
  /** Of the first flow: 16 hexadecimal digits that stay the same as long as its route does; null when nobody answered. */
  fingerprint: string | null
  reached: boolean
  /** Hops to the target, itself included: the smallest TTL that reaches it. */
  forwardHops: number | null
  /** Hops that the target's answers have behind them, by the TTL that is left. */
  returnHops: number | null
  ttl: number | null
  flows: TraceFlow[]
  /** Routers that packets pass again and again. */
  loop: string[] | null
  sent: number
  received: number
  /** Errors that quote a packet that was not sent here, and those that quote too little to say which it was. */
  foreign: number
  unidentified: number
}
