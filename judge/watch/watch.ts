/**
 * What a watch makes of its probes: each one's fate, outages and what changed around them, steps between. Pure: it is told what was sent and what
 * came back, with times of one monotonic clock in ms since the start. Memory is bounded, however long it goes on.
 */
import { emptyHistogram, record } from '../../wire/histogram.ts'
import type { Outage, PathLook, WatchEvent, WatchStep } from '../../wire/watch.ts'
import { addValue, forget, newChangePoint } from '../change-point.ts'
import { addFate, type Gap, newOutages } from './outages.ts'
import { addToSecond, newSeconds } from './seconds.ts'
import { buildSurroundings } from './surroundings.ts'
import { newTtl, ttlStep } from './ttl.ts'

export type WatchOptions = { intervalMs: number; timeoutMs: number }

export type Watch = {
  sent(index: number, atMs: number): void
  /** An answer. `there`: how many probes the responder has got by then, where one counts; `epoch` changes when it begins to count anew. */
  answered(index: number, atMs: number, rttMs: number, ttl: number, there?: { received: number; epoch: number }): void
  /** What an ICMP error or a refusal said. */
  error(text: string): void
  /** Nothing could be sent for a while. */
  blind(atMs: number, lengthMs: number): void
  looked(atMs: number, look: PathLook): void
  /** Decides what can be decided by now. */
  advance(nowMs: number): void
  /** Nothing more comes: what is still under way is left out. */
  close(): void
  readonly totals: Totals
}

export type Totals = {
  sent: number
  received: number
  lost: number
  late: number
  duplicates: number
  rtt: ReturnType<typeof emptyHistogram>
  ttl: number | null
  look: PathLook
  outageCount: number
  downMs: number
  longestMs: number
  blindMs: number
  /** The latest, at most `kept` of each. */
  outages: Outage[]
  steps: WatchStep[]
  stepCount: number
  /** The outage that lasts. */
  current: Outage | undefined
  /** When the oldest probe without an answer was sent. */
  waitingSinceMs: number | undefined
}

/** Outages and steps that are remembered. */
const kept = 1000
const [pending, answeredState] = [1, 2]

export const buildWatch = ({ intervalMs, timeoutMs }: WatchOptions, tell: (event: WatchEvent) => void): Watch => {
  const size = 2 ** Math.ceil(Math.log2(Math.ceil(timeoutMs / intervalMs) * 2 + 64))
  const sentMs = new Float64Array(size)
  const rtts = new Float64Array(size)
  const ttls = new Int16Array(size)
  const states = new Uint8Array(size)
  const received = new Float64Array(size)
  const epochs = new Float64Array(size)
  let [next, decided] = [0, 0]
  const outages = newOutages()
  const seconds = newSeconds()
  const steps = newChangePoint()
  const ttl = newTtl()
  let lastThere = { index: -1, received: 0, epoch: 0 }
  let error: string | undefined
  const totals: Totals = {
    ...{ sent: 0, received: 0, lost: 0, late: 0, duplicates: 0, rtt: emptyHistogram(), ttl: null, look: {} },
    ...{ outageCount: 0, downMs: 0, longestMs: 0, blindMs: 0, outages: [], steps: [], stepCount: 0 },
    ...{ current: undefined, waitingSinceMs: undefined },
  }
  const around = buildSurroundings(outage => tell({ type: 'outage_settled', outage }), addStep)

  function addStep(step: WatchStep): void {
    totals.stepCount++
    totals.steps.push(step)
    if (totals.steps.length > kept) totals.steps.shift()
    tell({ type: 'step', step })
  }

  function outageOf(gap: Gap, untilMs: number): Outage {
    const none = { before: null, after: null }
    return {
      ...{ number: totals.outageCount + 1, beganMs: gap.beganMs, lastLostMs: gap.lastLostMs, endedMs: null },
      ...{ lengthMs: untilMs - gap.beganMs, uncertainMs: gap.beganMs - gap.answeredMs + (untilMs - gap.lastLostMs), lost: gap.lost },
      ...(error !== undefined && { error }),
      ...{ rttMs: around.rttBefore(), ttl: { ...none, before: totals.ttl }, mtu: { ...none, before: totals.look.mtu ?? null } },
      route: { ...none, before: totals.look.route?.fingerprint ?? null },
    }
  }

  /** Which way they went, by the responder's count of the probes between the last answer before and the first after. */
  function lostWhere(index: number, lost: number): Pick<Outage, 'direction' | 'responderForgot'> {
    const slot = index % size
    const now = received[slot]!
    if (Number.isNaN(now) || lastThere.index < 0) return {}
    const forgot = epochs[slot] !== lastThere.epoch || now <= lastThere.received
    const arrived = Math.max(0, Math.min(lost, forgot ? now - 1 : now - lastThere.received - 1))
    const direction = arrived === 0 ? 'forward' : arrived >= lost ? 'reverse' : 'both'
    return { direction, ...(forgot && { responderForgot: true as const }) }
  }

  function end(gap: Gap, index: number, endedMs: number): void {
    const outage: Outage = { ...outageOf(gap, endedMs), endedMs, ...lostWhere(index, gap.lost) }
    totals.outageCount++
    totals.downMs += outage.lengthMs
    totals.longestMs = Math.max(totals.longestMs, outage.lengthMs)
    totals.outages.push(outage)
    if (totals.outages.length > kept) totals.outages.shift()
    totals.current = undefined
    forget(steps)
    tell({ type: 'outage_ended', outage })
    around.ended(outage)
  }

  function decide(index: number, isAnswered: boolean): void {
    const slot = index % size
    const at = sentMs[slot]!
    const second = addToSecond(seconds, at, isAnswered, rtts[slot]!)
    if (second) {
      tell({ type: 'second', second })
      const step = second.rttMs === null || around.isUnsettled() ? undefined : addValue(steps, second.rttMs)
      if (step) addStep({ what: 'rtt', atMs: second.atMs - (step.windowsAgo - 1) * 1000, before: step.before, after: step.after })
    }
    const news = addFate(outages, at, isAnswered)
    if (news?.type === 'began') {
      totals.current = outageOf(news.gap, at)
      tell({ type: 'outage_began', outage: totals.current })
    }
    if (news?.type === 'ended') end(news.gap, index, news.endedMs)
    if (!isAnswered) {
      totals.lost++
      if (totals.current && outages.run) totals.current = { ...outageOf(outages.run, at), lengthMs: at - outages.run.beganMs }
      return
    }
    error = undefined
    if (!Number.isNaN(rtts[slot]!)) record(totals.rtt, rtts[slot]!)
    around.answered(at, rtts[slot]!)
    const changed = ttls[slot]! >= 0 ? ttlStep(ttl, ttls[slot]!, at) : undefined
    totals.ttl = ttl.value
    if (changed) around.ttlChanged(changed)
    if (!Number.isNaN(received[slot]!)) lastThere = { index, received: received[slot]!, epoch: epochs[slot]! }
  }

  return {
    totals,
    sent(index, atMs) {
      if (index - decided >= size) decideUpTo(index - size + 1)
      const slot = index % size
      sentMs[slot] = atMs
      rtts[slot] = Number.NaN
      ttls[slot] = -1
      received[slot] = Number.NaN
      states[slot] = pending
      next = index + 1
      totals.sent++
    },
    answered(index, atMs, rttMs, ttl, there) {
      if (index >= next) return
      if (index < decided) {
        totals.late++
        return
      }
      const slot = index % size
      if (states[slot] === answeredState) {
        totals.duplicates++
        return
      }
      const tookMs = Number.isNaN(rttMs) ? atMs - sentMs[slot]! : rttMs
      if (tookMs > timeoutMs) {
        totals.late++
        return
      }
      states[slot] = answeredState
      rtts[slot] = rttMs
      ttls[slot] = ttl
      totals.received++
      if (!there) return
      received[slot] = there.received
      epochs[slot] = there.epoch
    },
    error(text) {
      error ??= text
    },
    blind(atMs, lengthMs) {
      totals.blindMs += lengthMs
      tell({ type: 'blind', atMs, lengthMs })
    },
    looked(atMs, look) {
      const { mtu, route } = totals.look
      // What could not be told this time is as it was.
      totals.look = { mtu: look.mtu ?? mtu, route: look.route ?? route }
      around.looked(atMs, look, { mtu, route })
    },
    advance(nowMs) {
      for (; decided < next; decided++) {
        const slot = decided % size
        if (states[slot] !== answeredState && nowMs - sentMs[slot]! <= timeoutMs) break
        decide(decided, states[slot] === answeredState)
      }
      totals.waitingSinceMs = decided < next ? sentMs[decided % size] : undefined
    },
    close() {
      for (; decided < next && states[decided % size] === answeredState; decided++) decide(decided, true)
      totals.sent -= next - decided
      if (totals.current && outages.run) {
        totals.outageCount++
        totals.downMs += totals.current.lengthMs
        totals.longestMs = Math.max(totals.longestMs, totals.current.lengthMs)
        totals.outages.push(totals.current)
      }
      around.close()
    },
  }

  function decideUpTo(index: number): void {
    for (; decided < index; decided++) decide(decided, states[decided % size] === answeredState)
  }
}
