/** The attributes of a point as they stand in its bytes: told apart, hashed and compared without making a string. */
import type { WirePoint } from '../../wire/otlp-point.ts'

/** Marks in `kinds`: of the path, or of the variant at this place. */
export const ofPath = 255

/** A name as KeyValue has it: the tag of the key, its length, its bytes. */
export const rawKey = (name: string): Uint8Array => {
  const text = Buffer.from(name)
  return Buffer.concat([Buffer.of(10, text.length), text])
}

const beginsWith = (bytes: Uint8Array, from: number, to: number, start: Uint8Array): boolean => {
  // Most keys differ in length, which is their second byte.
  if (bytes[from + 1] !== start[1] || to - from < start.length) return false
  for (let k = start.length - 1; k >= 0; k--) if (bytes[from + k] !== start[k]) return false
  return true
}

/** Says of every attribute which of `keys` it has; returns how many have one. */
export const splitAttributes = (point: WirePoint, bytes: Uint8Array, keys: readonly Uint8Array[], kinds: Uint8Array): number => {
  let variants = 0
  for (let k = 0; k < point.attributes; k++) {
    kinds[k] = ofPath
    for (let place = 0; place < keys.length; place++)
      if (beginsWith(bytes, point.from[k]!, point.to[k]!, keys[place]!)) {
        kinds[k] = place
        variants++
      }
  }
  return variants
}

/** FNV-1a, four bytes at a time with a shift between, of the attributes of the path. */
export const hashPath = (point: WirePoint, bytes: Uint8Array, kinds: Uint8Array): number => {
  let hash = 0x811c9dc5 | 0
  for (let k = 0; k < point.attributes; k++) {
    if (kinds[k] !== ofPath) continue
    let at = point.from[k]!
    const end = point.to[k]!
    hash = Math.imul(hash ^ (end - at), 0x01000193)
    for (; at + 4 <= end; at += 4) {
      hash ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
      hash = Math.imul(hash, 0x01000193)
      hash ^= hash >>> 15
    }
    for (; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193)
  }
  return hash
}

/** Each attribute of the path behind its length in two bytes: what `isSamePath` compares with. */
export const copyPath = (point: WirePoint, bytes: Uint8Array, kinds: Uint8Array): Uint8Array => {
  const parts: Uint8Array[] = []
  for (let k = 0; k < point.attributes; k++) {
    if (kinds[k] !== ofPath) continue
    const length = point.to[k]! - point.from[k]!
    parts.push(Buffer.of(length & 255, length >>> 8), bytes.subarray(point.from[k], point.to[k]))
  }
  return Buffer.concat(parts)
}

export const isSamePath = (
  point: WirePoint,
  bytes: Uint8Array,
  kinds: Uint8Array,
  known: Uint8Array,
  offset: number,
  length: number,
): boolean => {
  let at = offset
  for (let k = 0; k < point.attributes; k++) {
    if (kinds[k] !== ofPath) continue
    const [from, to] = [point.from[k]!, point.to[k]!]
    const size = to - from
    if (at + 2 + size > offset + length || known[at] !== (size & 255) || known[at + 1] !== size >>> 8) return false
    at += 2
    for (let i = from; i < to; i++) if (bytes[i] !== known[at++]) return false
  }
  return at === offset + length
}
