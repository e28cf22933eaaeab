/** What a watch says: events while it goes on, one document at its end. Times are ms of the monotonic clock since `startedAt`, so that a clock step moves nothing. */

export const watchKinds = ['icmp', 'udp', 'tcp'] as const
export type WatchKind = (typeof watchKinds)[number]

/** What lies before and after something; null where it was not seen. */
export type Change<T> = { before: T | null; after: T | null }

/** What can be known of a path beside its answers: its MTU in bytes, and its route as a fingerprint with the addresses of its hops (null for a silent one). */
export type PathLook = { mtu?: number | null; route?: { fingerprint: string; hops: (string | null)[] } | null }

export type Outage = {
  /** Counts from 1. */
  number: number
  /** When the first probe that was lost was sent, and the last. */
  beganMs: number
  lastLostMs: number
  /** When the first probe that was answered again was sent; null while it lasts. */
  endedMs: number | null
  /** From `beganMs` to `endedMs`, or so far. */
  lengthMs: number
  /** By how much that may be off: the time without a probe before the first that was lost and after the last. Two intervals, unless this machine was busy. */
  uncertainMs: number
  lost: number
  /** Where they were lost, when a responder has counted them: before it (forward) or behind it (reverse). */
  direction?: 'forward' | 'reverse' | 'both'
  /** The responder answers with another memory than before: it was started anew, or had forgotten this session for want of packets. */
  responderForgot?: true
  /** The first ICMP error of that time, or the refusal of a connection. */
  error?: string
  rttMs: Change<number>
  ttl: Change<number>
  mtu: Change<number>
  route: Change<string>
}

export type WatchStep = {
  what: 'rtt' | 'ttl' | 'mtu' | 'route'
  atMs: number
  before: number | string
  after: number | string
  /** The outage that it came with. */
  outage?: number
}

/** One second of probes, by the time of sending. */
export type WatchSecond = { atMs: number; sent: number; lost: number; rttMs: number | null; maxMs: number | null }

export type WatchEvent =
  | { type: 'outage_began'; outage: Outage }
  | { type: 'outage_ended'; outage: Outage }
  /** All that follows an outage is known: the values after it. */
  | { type: 'outage_settled'; outage: Outage }
  | { type: 'step'; step: WatchStep }
  | { type: 'second'; second: WatchSecond }
  /** Nothing was sent for so long, by no fault of the path: this process did not run. */
  | { type: 'blind'; atMs: number; lengthMs: number }

export type WatchDocument = {
  schema: 'causeway.watch/1'
  startedAt: string
  target: { host: string; address: string; family: 4 | 6; port?: number }
  kind: WatchKind
  intervalMs: number
  durationMs: number
  verdict: 'ok' | 'fail' | 'unmeasured'
  detail: string
  objectiveMs?: number
  sent: number
  received: number
  lost: number
  /** Answers that came after the timeout: those probes count as lost. */
  late: number
  duplicates: number
  rttMs: { min: number; p50: number; p95: number; p99: number; max: number } | null
  ttl: number | null
  mtu: number | null
  route: (string | null)[] | null
  /** All outages together, and the longest. */
  downMs: number
  longestMs: number
  outageCount: number
  /** The latest; `outageCount` says whether there were more. */
  outages: Outage[]
  stepCount: number
  steps: WatchStep[]
  /** Time in which this process did not run, and how late its probes were sent. */
  blindMs: number
  latenessMs: { p50: number; p99: number; max: number } | null
  /** Answers that this machine's own buffer dropped. */
  overflow: number
}
