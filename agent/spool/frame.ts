/**
 * One record in a segment file, little-endian. A frame stands for itself: after damage the reader looks for the next one that is whole.
 * ```
 * 0  magic "CWS1"       16 kind, encoding, 2 group  36 items          52 plain bytes
 * 4  bytes after 12     20 span, ms                 40 boot, 8 bytes  56 payload
 * 8  CRC-32C of 4..8    24 at, ms, double           48 sequence, low
 *    and 12..end        32 index in the segment     12 sequence, high
 * ```
 */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { crc32c } from './crc32c.ts'
import { recordKinds, type SpooledRecord } from './record.ts'

const magic = Buffer.from('CWS1')
const headBytes = 56
/** No payload is larger, packed or not: a flipped bit in a length can't make the reader take gigabytes. */
export const mostPayloadBytes = 16 * 1024 * 1024

const fast = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }

const plain = 0
const zstd = 1

/** Everything of a record but its payload, and where in the file it is. */
export type Entry = { index: number; offset: number; bytes: number } & Omit<SpooledRecord, 'payload'>

/** On disk, at most: for making room. */
export const frameBytesAtMost = ({ payload }: SpooledRecord): number => headBytes + payload.length

/** The payload is packed (zstd at its fastest) unless that gains nothing. */
export const buildFrame = (record: SpooledRecord, index: number): Buffer => {
  const packed = zstdCompressSync(record.payload, fast)
  const encoding = packed.length < record.payload.length ? zstd : plain
  const body = encoding === zstd ? packed : record.payload
  const frame = Buffer.alloc(headBytes + body.length)
  magic.copy(frame)
  frame.writeUInt32LE(frame.length - 12, 4)
  frame.writeUInt32LE(Math.floor(record.sequence / 2 ** 32), 12)
  frame[16] = recordKinds.indexOf(record.kind)
  frame[17] = encoding
  frame.writeUInt16LE(record.group ?? 0, 18)
  frame.writeUInt32LE(record.spanMs, 20)
  frame.writeDoubleLE(record.atMs, 24)
  frame.writeUInt32LE(index, 32)
  frame.writeUInt32LE(record.items, 36)
  frame.write(record.boot, 40, 8, 'hex')
  frame.writeUInt32LE(record.sequence % 2 ** 32, 48)
  frame.writeUInt32LE(record.payload.length, 52)
  frame.set(body, headBytes)
  frame.writeUInt32LE(sumOf(frame, 0, frame.length), 8)
  return frame
}

/** What stands at `offset`; undefined when no whole frame does. */
export const readEntry = (file: Buffer, offset: number): Entry | undefined => {
  if (offset + headBytes > file.length || magic.compare(file, offset, offset + 4) !== 0) return undefined
  const bytes = file.readUInt32LE(offset + 4) + 12
  if (bytes < headBytes || bytes > headBytes + mostPayloadBytes || offset + bytes > file.length) return undefined
  if (sumOf(file, offset, offset + bytes) !== file.readUInt32LE(offset + 8)) return undefined
  const kind = recordKinds[file[offset + 16]!]
  if (kind === undefined) return undefined
  return {
    index: file.readUInt32LE(offset + 32),
    offset,
    bytes,
    kind,
    group: file.readUInt16LE(offset + 18),
    atMs: file.readDoubleLE(offset + 24),
    spanMs: file.readUInt32LE(offset + 20),
    items: file.readUInt32LE(offset + 36),
    boot: file.toString('hex', offset + 40, offset + 48),
    sequence: file.readUInt32LE(offset + 12) * 2 ** 32 + file.readUInt32LE(offset + 48),
  }
}

/** The record of a frame that `readEntry` has found whole; undefined when its payload can't be unpacked. */
export const readRecord = (frame: Buffer): SpooledRecord | undefined => {
  const entry = readEntry(frame, 0)
  if (!entry) return undefined
  const { index: _index, offset: _offset, bytes, ...rest } = entry
  const body = frame.subarray(headBytes, bytes)
  const plainBytes = frame.readUInt32LE(52)
  if (frame[17] === plain) return { ...rest, payload: body }
  try {
    const payload = zstdDecompressSync(body, { maxOutputLength: mostPayloadBytes })
    return payload.length === plainBytes ? { ...rest, payload } : undefined
  } catch {
    return undefined
  }
}

/** All whole frames, in order, and how many bytes belong to none. */
export const scanFrames = (file: Buffer): { entries: Entry[]; badBytes: number } => {
  const entries: Entry[] = []
  let badBytes = 0
  for (let offset = 0; offset < file.length; ) {
    const entry = readEntry(file, offset)
    if (entry) {
      // An index that comes again is a copy: the file was damaged in a way that a disk's own repair can do.
      if (entry.index > (entries.at(-1)?.index ?? -1)) entries.push(entry)
      else badBytes += entry.bytes
      offset += entry.bytes
    } else {
      const next = file.indexOf(magic, offset + 1)
      const end = next < 0 ? file.length : next
      badBytes += end - offset
      offset = end
    }
  }
  return { entries, badBytes }
}

const sumOf = (file: Uint8Array, start: number, end: number): number => crc32c(file, start + 12, end, crc32c(file, start + 4, start + 8))
