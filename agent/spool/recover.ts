import { Entries, journalName, numberOf, type Segment, segmentName } from './entries.ts'
import type { Files } from './files.ts'
import { type Entry, scanFrames } from './frame.ts'
import { parseLines } from './journal-text.ts'
import { apply, emptyLedger, isWaiting, type LedgerState, openItems } from './ledger.ts'
import { has } from './marks.ts'
import type { Takes } from './record.ts'

export type Recovered = {
  state: LedgerState
  /** In the order of their numbers, all sealed. */
  segments: Segment[]
  nextSegment: number
  nextJournal: number
  /** Bytes of segments that are no whole record: the tail that a crash tore, or damage. */
  badBytes: number
  /** Lines of the ledger, or whole files of either kind, that could not be read. */
  badLines: number
  unreadable: string[]
}

/**
 * What a directory holds, after whatever happened to it. Never rejects for what is in the files, only when the directory can't be listed. Nothing is
 * written: until the first new ledger is durable, a second crash recovers the same again.
 */
export const recover = async (files: Files, endpoints: readonly string[], takes: Takes): Promise<Recovered> => {
  const names = await files.list()
  for (const name of names) if (name.endsWith('.tmp')) await files.remove(name).catch(() => {})
  const found: Recovered = { state: emptyLedger(), segments: [], nextSegment: 0, nextJournal: 0, badBytes: 0, badLines: 0, unreadable: [] }
  await readLedgers(files, numbersOf(names, 'ledger'), found)
  await readSegments(files, numbersOf(names, 'segment'), found)
  const damaged = found.badLines > 0 || found.unreadable.length > 0 || (found.nextJournal === 0 && found.segments.length > 0)
  for (const name of found.state.endpoints.keys()) if (!endpoints.includes(name)) apply(found.state, { t: 'leave', e: name })
  // An endpoint that a damaged ledger does not know may have been in what is lost: it gets all there is rather than nothing.
  for (const e of endpoints) apply(found.state, { t: 'join', e, from: damaged ? 0 : found.nextSegment })
  reconcile(found, takes)
  return found
}

const numbersOf = (names: readonly string[], suffix: 'segment' | 'ledger'): number[] =>
  names
    .map(name => numberOf(name, suffix))
    .filter(number => number !== undefined)
    .sort((a, b) => a - b)

/** The last two, in order: the newer one says everything, unless its beginning is damaged. */
const readLedgers = async (files: Files, numbers: readonly number[], found: Recovered): Promise<void> => {
  for (const number of numbers.slice(-2)) {
    const text = await read(files, journalName(number), found)
    const { lines, bad } = parseLines(text)
    for (const line of lines) apply(found.state, line)
    found.badLines += bad
  }
  for (const number of numbers.slice(0, -2)) await files.remove(journalName(number)).catch(() => {})
  found.nextJournal = (numbers.at(-1) ?? -1) + 1
}

const readSegments = async (files: Files, numbers: readonly number[], found: Recovered): Promise<void> => {
  const { closed, known, endpoints } = found.state
  const claimed = [...endpoints.values()].flatMap(({ claims, from }) => [...claims.keys(), from - 1])
  found.nextSegment = Math.max(-1, ...numbers, ...claimed, ...known.keys(), (closed.at(-1) ?? 0) - 1) + 1
  for (const number of numbers) {
    if (has(closed, number)) {
      await files.remove(segmentName(number)).catch(() => {})
      continue
    }
    const file = await read(files, segmentName(number), found)
    const scanned = scanFrames(file)
    const entries = new Entries()
    for (const entry of scanned.entries) entries.push(entry)
    found.badBytes += scanned.badBytes
    found.segments.push({ number, bytes: file.length, sealed: true, merged: false, entries })
  }
}

const read = async (files: Files, name: string, found: Recovered): Promise<Buffer> => {
  try {
    return await files.read(name)
  } catch (error) {
    found.unreadable.push(`${name}: ${(error as Error).message}`)
    return Buffer.alloc(0)
  }
}

/** Makes the state agree with what is really in the files, endpoint by endpoint and segment by segment. */
const reconcile = (found: Recovered, takes: Takes): void => {
  const { state, segments } = found
  dropCopies(segments, state.known)
  for (const segment of segments) {
    const { number: s, entries } = segment
    const known = state.known.get(s) ?? 0
    const fresh = entries.placeOf(known)
    for (const [e, endpoint] of state.endpoints) {
      if (s < endpoint.from) continue
      // Gives the endpoint its part in the segment.
      apply(state, { t: 'found', e, s, i: 0 })
      for (let i = fresh; i < entries.length; i++) {
        const { kind, index: n } = entries.at(i)
        if (!takes(e, kind)) apply(state, { t: 'done', e, s, n, i: 0 })
      }
      apply(state, { t: 'found', e, s, i: itemsOf(entries, fresh, ({ index }) => isWaiting(endpoint, s, index)) })
      const claim = endpoint.claims.get(s)
      const missing = (claim ? openItems(claim) : 0) - itemsOf(entries, 0, ({ index }) => isWaiting(endpoint, s, index))
      if (missing > 0) apply(state, { t: 'lost', e, s, i: missing })
      // Their line in the ledger is lost, but here they are.
      else if (missing < 0) apply(state, { t: 'found', e, s, i: -missing })
    }
    if (entries.length > 0) apply(state, { t: 'known', s, to: entries.indexAt(entries.length - 1) + 1 })
  }
  const present = new Set(segments.map(segment => segment.number))
  const claimed = [...state.endpoints.values()].flatMap(({ claims }) => [...claims.keys()])
  for (const s of new Set([...state.known.keys(), ...claimed])) if (!present.has(s)) apply(state, { t: 'close', s, why: 'corrupt' })
}

const itemsOf = (entries: Entries, from: number, counts: (entry: Entry) => boolean): number => {
  let items = 0
  for (let i = from; i < entries.length; i++) {
    const entry = entries.at(i)
    if (counts(entry)) items += entry.items
  }
  return items
}

/**
 * A write that failed half-way, and whose beginning could not be cut off again, was repeated in a later segment. What stands beyond the counted
 * part of a segment and also in a later one is such a leftover.
 */
const dropCopies = (segments: Segment[], known: ReadonlyMap<number, number>): void => {
  const suspects = segments.filter(({ number, entries }) => entries.placeOf(known.get(number) ?? 0) < entries.length)
  if (suspects.length === 0) return
  const later = new Map<string, Set<number>>()
  for (const segment of segments.toReversed()) {
    const kept = new Entries()
    const counted = known.get(segment.number) ?? 0
    for (const entry of segment.entries) if (entry.index < counted || !later.get(entry.boot)?.has(entry.sequence)) kept.push(entry)
    segment.entries = kept
    for (const { boot, sequence } of kept) {
      const sequences = later.get(boot) ?? new Set()
      later.set(boot, sequences.add(sequence))
    }
  }
}
