/**
 * Who has what: pure. The state is what the journal's lines make of it, one after the other, and every line keeps
 * `produced = delivered + spooled + dropped` of every endpoint. So whichever lines a crash or a flipped bit takes away, the equation holds for what
 * the others say; what the segment files say beyond them is then added by `reconcile` (recover.ts) with lines of the same kinds.
 */

import { add, allBut, has, type Marks } from './marks.ts'
import { type DropReason, dropReasons } from './record.ts'

/** In items. `spooled` is not kept: it is what the claims leave open. */
export type Tally = { produced: number; delivered: number; dropped: Record<DropReason, number> }

/** One endpoint's part in one segment: the items that are its, those it has done with, and the indexes of the records done with and tried. */
export type Claim = { items: number; doneItems: number; done: Marks; tried: Marks }

export type EndpointState = { tally: Tally /** It has no part in segments before this one. */; from: number; claims: Map<number, Claim> }

/** `known`: for each open segment, the index after the last record that has been counted. `closed`: the numbers of segments that are no more. */
export type LedgerState = { endpoints: Map<string, EndpointState>; known: Map<number, number>; closed: Marks }

export type Line =
  /** Records of a segment, from index `n` to before `to`, with `i` items in all. `except`: [endpoint, items, indexes…] that have been settled from memory. */
  | { t: 'append'; s: number; n: number; to: number; i: number; except?: [string, number, ...number[]][] }
  /** A record is settled: `i` items, `d` of which were dropped. */
  | { t: 'done'; e: string; s: number; n: number; i: number; d?: number; why?: DropReason }
  /** Produced and settled without having been on disk. */
  | { t: 'pass'; e: string; i: number; d?: number; why?: DropReason }
  /** Sent, or about to be: the endpoint may have it, so it can't be merged with another any more. */
  | { t: 'try'; e: string; s: number; n: number }
  /** A segment ends for everyone; what is open in it is dropped. */
  | { t: 'close'; s: number; why: DropReason }
  /** What is open in a segment, up to index `to`, is dropped, but for the records `keep`: [endpoint, index, items] that are on their way. */
  | { t: 'thin'; s: number; to: number; why: DropReason; keep: [string, number, number][] }
  /** Items that the files have and the journal has not, or the other way round. */
  | { t: 'found'; e: string; s: number; i: number }
  | { t: 'lost'; e: string; s: number; i: number }
  | { t: 'known'; s: number; to: number }
  | { t: 'join'; e: string; from: number }
  | { t: 'leave'; e: string }
  | { t: 'state'; endpoints: [string, Tally, number, [number, Claim][]][]; known: [number, number][]; closed: Marks }

export const emptyLedger = (): LedgerState => ({ endpoints: new Map(), known: new Map(), closed: [] })
export const emptyTally = (): Tally => ({
  produced: 0,
  delivered: 0,
  dropped: Object.fromEntries(dropReasons.map(reason => [reason, 0])) as Record<DropReason, number>,
})

const claimOf = (endpoint: EndpointState, s: number): Claim => {
  let claim = endpoint.claims.get(s)
  if (!claim) {
    claim = { items: 0, doneItems: 0, done: [], tried: [] }
    endpoint.claims.set(s, claim)
  }
  return claim
}

const settle = ({ delivered, dropped, ...rest }: Tally, items: number, d = 0, why: DropReason = 'rejected'): Tally => ({
  ...rest,
  delivered: delivered + items - d,
  dropped: d === 0 ? dropped : { ...dropped, [why]: dropped[why] + d },
})

/** Applies one line. Lines about what the state does not know (any more) change nothing. */
export const apply = (state: LedgerState, line: Line): void => {
  if (line.t === 'append') append(state, line)
  else if (line.t === 'state') restore(state, line)
  else if (line.t === 'known') state.known.set(line.s, Math.max(line.to, state.known.get(line.s) ?? 0))
  else if (line.t === 'close') close(state, line)
  else if (line.t === 'thin') thin(state, line)
  else if (line.t === 'leave') state.endpoints.delete(line.e)
  else if (line.t === 'join') join(state, line)
  else {
    const endpoint = state.endpoints.get(line.e)
    if (endpoint) applyTo(endpoint, line)
  }
}

const join = ({ endpoints }: LedgerState, { e, from }: Line & { t: 'join' }): void => {
  if (!endpoints.has(e)) endpoints.set(e, { tally: emptyTally(), from, claims: new Map() })
}

const applyTo = (endpoint: EndpointState, line: Line & { t: 'done' | 'pass' | 'try' | 'found' | 'lost' }): void => {
  const { tally } = endpoint
  if (line.t === 'pass') {
    endpoint.tally = settle({ ...tally, produced: tally.produced + line.i }, line.i, line.d, line.why)
    return
  }
  if (line.s < endpoint.from) return
  if (line.t === 'found') {
    claimOf(endpoint, line.s).items += line.i
    endpoint.tally = { ...tally, produced: tally.produced + line.i }
    return
  }
  const claim = endpoint.claims.get(line.s)
  // The segment has been closed: what was open in it was counted then.
  if (!claim) return
  if (line.t === 'try') add(claim.tried, line.n)
  else if (line.t === 'lost') {
    claim.doneItems += line.i
    endpoint.tally = settle(tally, line.i, line.i, 'corrupt')
  } else if (add(claim.done, line.n)) {
    claim.doneItems += line.i
    endpoint.tally = settle(tally, line.i, line.d, line.why)
  }
}

const append = (state: LedgerState, { s, n, to, i, except = [] }: Line & { t: 'append' }): void => {
  if (has(state.closed, s) || n < (state.known.get(s) ?? 0)) return
  state.known.set(s, to)
  for (const [name, endpoint] of state.endpoints) {
    if (s < endpoint.from) continue
    const claim = claimOf(endpoint, s)
    const [, settledItems = 0, ...settled] = except.find(([other]) => other === name) ?? []
    for (const index of settled) add(claim.done, index)
    claim.items += i - settledItems
    endpoint.tally = { ...endpoint.tally, produced: endpoint.tally.produced + i - settledItems }
  }
}

const close = (state: LedgerState, { s, why }: Line & { t: 'close' }): void => {
  state.known.delete(s)
  add(state.closed, s)
  for (const endpoint of state.endpoints.values()) {
    const claim = endpoint.claims.get(s)
    if (!claim) continue
    const open = claim.items - claim.doneItems
    endpoint.tally = settle(endpoint.tally, open, open, why)
    endpoint.claims.delete(s)
  }
}

const thin = (state: LedgerState, { s, to, why, keep }: Line & { t: 'thin' }): void => {
  for (const [name, endpoint] of state.endpoints) {
    const claim = endpoint.claims.get(s)
    if (!claim) continue
    const kept = keep.filter(([e, n]) => e === name && !has(claim.done, n))
    const keptItems = kept.reduce((sum, [, , items]) => sum + items, 0)
    const open = openItems(claim) - keptItems
    endpoint.tally = settle(endpoint.tally, open, open, why)
    claim.doneItems = claim.items - keptItems
    claim.done = allBut(
      kept.map(([, n]) => n),
      to,
    )
  }
}

const restore = (state: LedgerState, { endpoints, known, closed }: Line & { t: 'state' }): void => {
  state.endpoints = new Map(endpoints.map(([name, tally, from, claims]) => [name, { tally, from, claims: new Map(claims) }]))
  state.known = new Map(known)
  state.closed = closed
}

/** The whole state as one line. */
export const stateLine = (state: LedgerState): Line & { t: 'state' } => ({
  t: 'state',
  endpoints: [...state.endpoints].map(([name, { tally, from, claims }]) => [name, tally, from, [...claims]]),
  known: [...state.known],
  closed: state.closed,
})

export const openItems = (claim: Claim): number => claim.items - claim.doneItems

/** Items on disk that the endpoint has yet to get. */
export const spooledItems = ({ claims }: EndpointState): number => [...claims.values()].reduce((sum, claim) => sum + openItems(claim), 0)

/** Has this endpoint still to get this record? */
export const isWaiting = (endpoint: EndpointState, s: number, index: number): boolean =>
  s >= endpoint.from && !has(endpoint.claims.get(s)?.done ?? [], index)
