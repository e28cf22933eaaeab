/** How much an agent may probe: runs in a second, and connections in a second to one public address. The clock is an argument. */
import { formatAddress, isPublic, parseAddress } from '../judge/addresses.ts'
import type { Budgets } from '../judge/policy.ts'
import type { RunCost } from '../judge/run-cost.ts'

/** Tokens grow with time, up to a second's worth, and at least to one: a rate below one a second still lets one through. */
export type Bucket = { tokens: number; atMs: number }

/** The bucket at a later time; a clock that went back gives nothing. */
export const refill = ({ tokens, atMs }: Bucket, perSecond: number, nowMs: number): Bucket => ({
  tokens: Math.min(Math.max(1, perSecond), tokens + (Math.max(0, nowMs - atMs) * perSecond) / 1000),
  atMs: nowMs,
})

/** A bucket that has nothing of the kind asked for. */
const isFull = (bucket: Bucket, perSecond: number, nowMs: number): boolean =>
  refill(bucket, perSecond, nowMs).tokens >= Math.max(1, perSecond)

/** Addresses between two looks for buckets that are full again and can be forgotten. */
const sweepEvery = 1024

export type Budget = {
  /** Takes a run's share, all of it or nothing. Says why not; undefined when it may start. `address` is the one that is dialled. */
  take(cost: RunCost, address: string | undefined, nowMs: number): string | undefined
  /** New limits from a reload or a smaller budget from the assignment; what has been used stays used. */
  limit(budgets: Budgets): void
}

/**
 * The probes of all paths share one bucket; each public address has one for connections, since a NAT gateway has so many ports per destination
 * (AWS: 55,000, held for minutes) and other people's services stand there. A run that opens more connections than a second's worth borrows
 * from the seconds to come, so that an expensive check is rare and not impossible.
 */
export const openBudget = (given: Budgets, nowMs: number): Budget => {
  let budgets = given
  let probes: Bucket = { tokens: Math.max(1, given.probesPerSecond), atMs: nowMs }
  const connections = new Map<string, Bucket>()
  let sinceSweep = 0
  const sweep = (now: number): void => {
    sinceSweep = 0
    for (const [address, bucket] of connections) if (isFull(bucket, budgets.connectionsPerSecond, now)) connections.delete(address)
  }
  return {
    take: (cost, address, now) => {
      const { probesPerSecond, connectionsPerSecond } = budgets
      probes = refill(probes, probesPerSecond, now)
      if (probesPerSecond === 0 || probes.tokens < 1) return `the budget of ${probesPerSecond} probes a second is used up`
      const key = cost.connections > 0 && address !== undefined ? publicForm(address) : undefined
      if (key !== undefined) {
        const bucket = refill(connections.get(key) ?? { tokens: Math.max(1, connectionsPerSecond), atMs: now }, connectionsPerSecond, now)
        if (connectionsPerSecond === 0 || bucket.tokens < 1)
          return `the budget of ${connectionsPerSecond} connections a second to the public address ${key} is used up`
        connections.set(key, { ...bucket, tokens: bucket.tokens - cost.connections })
        if (++sinceSweep >= sweepEvery) sweep(now)
      }
      probes.tokens -= 1
      return undefined
    },
    limit: next => {
      budgets = next
    },
  }
}

/** So many addresses are known as public or not without being parsed again: as many as a large agent has paths. */
const mostForms = 16_384
const forms = new Map<string, string | undefined>()

/** A public address in its one form; undefined for one that is not public. */
const publicForm = (address: string): string | undefined => {
  const known = forms.get(address)
  if (known !== undefined || forms.has(address)) return known
  if (forms.size >= mostForms) forms.clear()
  const bytes = parseAddress(address)
  const form = bytes && isPublic(bytes) ? formatAddress(bytes) : undefined
  forms.set(address, form)
  return form
}

/** What an assignment may change: less, never more. */
export const narrow = (budgets: Budgets, probesPerSecond: number | undefined): Budgets =>
  probesPerSecond === undefined ? budgets : { ...budgets, probesPerSecond: Math.min(budgets.probesPerSecond, probesPerSecond) }
