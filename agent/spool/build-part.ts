import { buildFrame, type Entry } from './frame.ts'
import type { Pending } from './pending.ts'

/** Frames are built and written in parts of this size, so that packing a long queue does not hold up a probe. */
const partBytes = 128 * 1024

/** The next frames of a segment and their entries: those of the first records, as many as there is room for, and one at least. */
export const buildPart = (
  batch: readonly Pending[],
  firstIndex: number,
  firstOffset: number,
  roomBytes: number,
): { frames: Buffer; entries: Entry[] } => {
  const frames: Buffer[] = []
  const entries: Entry[] = []
  let bytes = 0
  while (entries.length < batch.length && (entries.length === 0 || (bytes < partBytes && bytes < roomBytes))) {
    const { record } = batch[entries.length]!
    const index = firstIndex + entries.length
    const frame = buildFrame(record, index)
    entries.push({ ...record, index, offset: firstOffset + bytes, bytes: frame.length })
    frames.push(frame)
    bytes += frame.length
  }
  return { frames: Buffer.concat(frames), entries }
}
