/** What is around an outage: the round trip before and after it, TTL, MTU and route. Pure. */
import type { Change, Outage, PathLook, WatchStep } from '../../wire/watch.ts'
import { isSameRoute } from '../route.ts'
import type { TtlStep } from './ttl.ts'

/** The round trips that make the value before or after an outage. */
const samples = 64
/** After an outage values are taken for so long, if there are that many. */
const settleMs = 1000
const leastSamples = 3
/** What differs by less is the same: a tenth, and half a ms. */
const leastRatio = 1.1
const leastMs = 0.5

export type Surroundings = {
  rttBefore(): Change<number>
  answered(atMs: number, rttMs: number): void
  ended(outage: Outage): void
  ttlChanged(step: TtlStep): void
  looked(atMs: number, look: PathLook, before: PathLook): void
  isUnsettled(): boolean
  close(): void
}

/** `settled` is told when the values after an outage are known; they are written into the outage. */
export const buildSurroundings = (settled: (outage: Outage) => void, step: (step: WatchStep) => void): Surroundings => {
  const ring = new Float64Array(samples)
  let count = 0
  const after: number[] = []
  let open: Outage | undefined
  /** The outage whose MTU and route are still to be looked at. */
  let unlooked: Outage | undefined

  const settle = (): void => {
    const outage = open!
    open = undefined
    outage.rttMs.after = median(after)
    const { before, after: now } = outage.rttMs
    if (before !== null && now !== null && differs(before, now))
      step({ what: 'rtt', atMs: outage.endedMs!, before, after: now, outage: outage.number })
    outage.ttl.after ??= outage.ttl.before
    count = 0
    for (const rtt of after) ring[count++ % samples] = rtt
    settled(outage)
  }

  return {
    rttBefore: () => ({ before: median(ring.subarray(0, Math.min(count, samples))), after: null }),
    isUnsettled: () => open !== undefined,
    answered(atMs, rttMs) {
      if (Number.isNaN(rttMs)) return
      if (!open) {
        ring[count++ % samples] = rttMs
        return
      }
      if (after.length < samples) after.push(rttMs)
      if (after.length >= samples || (after.length >= leastSamples && atMs - open.endedMs! >= settleMs)) settle()
    },
    ended(outage) {
      if (open) settle()
      open = outage
      unlooked = outage
      after.length = 0
    },
    ttlChanged({ before, after, atMs }) {
      if (open) open.ttl = { before, after }
      step({ what: 'ttl', atMs, before, after, ...(open && { outage: open.number }) })
    },
    looked(atMs, look, before) {
      const outage = unlooked
      unlooked = undefined
      const of = outage && { outage: outage.number }
      if (look.mtu != null) {
        if (outage) outage.mtu.after = look.mtu
        if (before.mtu != null && before.mtu !== look.mtu) step({ what: 'mtu', atMs, before: before.mtu, after: look.mtu, ...of })
      }
      if (!look.route) return
      if (outage) outage.route.after = look.route.fingerprint
      // A router that is silent this time is no other route.
      if (before.route && !isSameRoute(before.route.hops, look.route.hops))
        step({ what: 'route', atMs, before: routeText(before.route), after: routeText(look.route), ...of })
    },
    close() {
      if (open && after.length > 0) settle()
    },
  }
}

const routeText = ({ hops }: NonNullable<PathLook['route']>): string => hops.map(hop => hop ?? '*').join(' ')

const differs = (a: number, b: number): boolean => Math.max(a, b) / Math.min(a, b) >= leastRatio && Math.abs(a - b) >= leastMs

const median = (values: ArrayLike<number>): number | null =>
  values.length === 0 ? null : new Float64Array(values).sort()[values.length >> 1]!
