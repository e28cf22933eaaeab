import { Entries, type Segment, segmentName } from './entries.ts'
import type { Files } from './files.ts'
import { buildFrame, type Entry, readRecord, scanFrames } from './frame.ts'
import { type EndpointState, isWaiting } from './ledger.ts'
import { has } from './marks.ts'
import type { SpooledRecord } from './record.ts'

/** One record's payload from several of one minute, all counts kept. May throw: those records then stay as they are. */
export type Merge = (payloads: Uint8Array[]) => Uint8Array

const mergedSpanMs = 60_000

/**
 * What becomes of a segment's records: each group becomes one. Window records of the same boot, minute and part go together when the same endpoints wait for
 * them and none of these has tried any of them: what may have arrived must stay the batch that it was. Records that everyone has had are left out.
 */
export const planMerge = ({ number, entries }: Segment, endpoints: readonly EndpointState[]): Entry[][] => {
  const groups = new Map<string, Entry[]>()
  for (const entry of entries) {
    const waiting = endpoints.map(endpoint => isWaiting(endpoint, number, entry.index))
    if (!waiting.includes(true)) continue
    const tried = endpoints.some((endpoint, i) => waiting[i] && has(endpoint.claims.get(number)?.tried ?? [], entry.index))
    const mergeable = entry.kind === 'windows' && entry.spanMs < mergedSpanMs && !tried
    const slot = Math.floor(entry.atMs / mergedSpanMs)
    const key = mergeable ? `${entry.boot} ${slot} ${entry.group} ${waiting}` : `alone ${entry.index}`
    const group = groups.get(key)
    if (group) group.push(entry)
    else groups.set(key, [entry])
  }
  return [...groups.values()]
}

/**
 * Writes the segment anew and puts it in the old one's place at one stroke (rename). A merged record has the index, boot and sequence of its first and
 * the items of all, so no word of the ledger changes: before and after a crash the sums are the same. Gives how many records there are fewer.
 */
export const mergeSegment = async (files: Files, segment: Segment, groups: readonly Entry[][], merge: Merge): Promise<number> => {
  const name = segmentName(segment.number)
  const old = await files.read(name)
  const frames: { index: number; frame: Buffer }[] = []
  for (const group of groups) {
    frames.push(...mergeGroup(old, group, merge).map((frame, i) => ({ index: group[i]!.index, frame })))
    // Merging is work; a probe may be due.
    if (group.length > 1) await new Promise(resolve => setImmediate(resolve))
  }
  const file = Buffer.concat(frames.sort((a, b) => a.index - b.index).map(({ frame }) => frame))
  await replace(files, name, file)
  const entries = new Entries()
  for (const entry of scanFrames(file).entries) entries.push(entry)
  const fewer = segment.entries.length - entries.length
  Object.assign(segment, { entries, bytes: file.length })
  await files.syncNames()
  return fewer
}

/** Writes a segment anew with these of its records and no others, at one stroke. */
export const thinSegment = async (files: Files, segment: Segment, kept: readonly Entry[]): Promise<void> => {
  const alone: Merge = ([payload]) => payload!
  await mergeSegment(
    files,
    segment,
    kept.map(entry => [entry]),
    alone,
  )
}

const mergeGroup = (old: Buffer, group: readonly Entry[], merge: Merge): Buffer[] => {
  const frames = group.map(({ offset, bytes }) => old.subarray(offset, offset + bytes))
  const records = frames.map(readRecord)
  if (records.length === 1 || records.includes(undefined)) return frames
  const [first] = records as SpooledRecord[]
  try {
    const merged: SpooledRecord = {
      ...first!,
      atMs: Math.floor(first!.atMs / mergedSpanMs) * mergedSpanMs,
      spanMs: mergedSpanMs,
      items: group.reduce((sum, entry) => sum + entry.items, 0),
      payload: merge((records as SpooledRecord[]).map(record => record.payload)),
    }
    return [buildFrame(merged, group[0]!.index)]
  } catch {
    return frames
  }
}

const replace = async (files: Files, name: string, bytes: Buffer): Promise<void> => {
  const temporary = `${name}.tmp`
  const file = await files.create(temporary)
  try {
    await file.append(bytes)
    await file.sync()
    await file.close()
    await files.rename(temporary, name)
  } catch (error) {
    await file.close().catch(() => {})
    await files.remove(temporary).catch(() => {})
    throw error
  }
}
