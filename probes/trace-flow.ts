/** What a flow of a trace has sent and heard, and what it sends next. Pure. */
import { loopOf } from '../judge/route.ts'
import type { MplsLabel, TraceInterface } from '../wire/measured-trace.ts'
import type { FailReason } from '../wire/reasons.ts'

/** So many hops beyond the last one that answered are asked at once; when all of them are silent the trace ends. */
export const windowHops = 16

/** `expired`: a router on the way; `reached`: the target; a reason: who says that it can't be reached. */
export type Heard = {
  from: string
  what: 'expired' | 'reached' | FailReason
  rttMs: number
  /** TTL left in the answer; -1 where it is not told. */
  ttlHere: number
  mpls: MplsLabel[]
  interfaces: TraceInterface[]
}

export type Asked = { ttl: number; sentNs: number; sentMs: number; heard: Heard | undefined }

export type FlowState = {
  id: number | null
  asked: Asked[]
  /** Of each TTL how many were sent, and who answered first. */
  counts: number[]
  route: (string | null)[]
  /** The smallest TTL that reached the target, or whose packet was refused for good. */
  endsAt: number | null
  reached: boolean
  highest: number
  isLooping: boolean
  slowestMs: number
  foreign: number
  unidentified: number
  sendErrno: number
}

export const newFlowState = (id: number | null): FlowState => ({
  id,
  asked: [],
  counts: [],
  route: [],
  endsAt: null,
  reached: false,
  highest: 0,
  isLooping: false,
  slowestMs: 0,
  foreign: 0,
  unidentified: 0,
  sendErrno: 0,
})

/** The largest TTL that is worth a packet now. */
export const limitOf = ({ endsAt, highest, isLooping }: FlowState, maxHops: number): number =>
  Math.min(maxHops, endsAt ?? maxHops, isLooping ? highest : highest + windowHops)

/** The TTL to send next: what was asked least, the nearest first; undefined when there is nothing to send for now. */
export const nextTtl = (flow: FlowState, { maxHops, queries }: { maxHops: number; queries: number }): number | undefined => {
  let next: number | undefined
  let least = queries
  for (let ttl = 1; ttl <= limitOf(flow, maxHops); ttl++) {
    const count = flow.counts[ttl] ?? 0
    if (count < least) [next, least] = [ttl, count]
  }
  return next
}

/** Routers answer slower than they forward: beside the slowest answer, so long is a silent hop waited for once the target has answered. */
const graceMs = 250
const graceRtts = 4

/** Whether every packet that matters has been answered, or waited for. */
export const isDone = (
  flow: FlowState,
  { maxHops, replyTimeoutMs }: { maxHops: number; replyTimeoutMs: number },
  nowMs: number,
): boolean => {
  const limit = limitOf(flow, maxHops)
  const waitMs = flow.reached ? Math.min(replyTimeoutMs, graceRtts * flow.slowestMs + graceMs) : replyTimeoutMs
  return flow.asked.every(({ ttl, heard, sentMs }) => ttl > limit || heard !== undefined || nowMs - sentMs >= waitMs)
}

/** Notes a packet that was sent; returns its number. */
export const noteAsked = (flow: FlowState, ttl: number, sentNs: number, nowMs: number): number => {
  flow.counts[ttl] = (flow.counts[ttl] ?? 0) + 1
  return flow.asked.push({ ttl, sentNs, sentMs: nowMs, heard: undefined }) - 1
}

/** Notes an answer; false for one that was answered already, or never sent. */
export const noteHeard = (flow: FlowState, index: number, heard: Heard): boolean => {
  const asked = flow.asked[index]
  if (!asked || asked.heard) return false
  asked.heard = heard
  if (heard.rttMs > flow.slowestMs) flow.slowestMs = heard.rttMs
  const { ttl } = asked
  while (flow.route.length < ttl) flow.route.push(null)
  flow.route[ttl - 1] ??= heard.from
  if (heard.what === 'expired') {
    if (flow.endsAt === null || ttl < flow.endsAt) flow.highest = Math.max(flow.highest, ttl)
    flow.isLooping ||= loopOf(flow.route) !== undefined
    return true
  }
  // Of what arrived by a larger TTL nothing more is learned. To arrive is stronger than to be refused.
  const isReached = heard.what === 'reached'
  if (flow.endsAt === null || ttl < flow.endsAt || (isReached && !flow.reached)) flow.endsAt = ttl
  flow.reached ||= isReached
  flow.highest = flow.endsAt
  flow.route.length = Math.min(flow.route.length, Math.max(flow.endsAt, 1))
  return true
}
