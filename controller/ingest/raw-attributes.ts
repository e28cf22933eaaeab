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
export const hashPath = (point: WirePoint, view: DataView, kinds: Uint8Array): number => {
  let hash = 0x811c9dc5 | 0
  for (let k = 0; k < point.attributes; k++) {
    if (kinds[k] !== ofPath) continue
    let at = point.from[k]!
    const end = point.to[k]!
    hash = Math.imul(hash ^ (end - at), 0x01000193)
    for (; at + 4 <= end; at += 4) {
      hash = Math.imul(hash ^ view.getInt32(at, true), 0x01000193)
      hash ^= hash >>> 15
    }
    for (; at < end; at++) hash = Math.imul(hash ^ view.getUint8(at), 0x01000193)
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

/** Whether the attributes of the path are those that stand in `known` from `at` to before `end`. Views compare four bytes at a time. */
export const isSamePath = (point: WirePoint, view: DataView, kinds: Uint8Array, known: DataView, at: number, end: number): boolean => {
  let there = at
  for (let k = 0; k < point.attributes; k++) {
    if (kinds[k] !== ofPath) continue
    let here = point.from[k]!
    const to = point.to[k]!
    if (there + 2 + to - here > end || known.getUint16(there, true) !== to - here) return false
    there += 2
    // The end first: the names of attributes are the same, and it is the values that differ.
    if (to - here >= 4 && view.getInt32(to - 4, true) !== known.getInt32(there + to - here - 4, true)) return false
    for (; here + 4 <= to; here += 4, there += 4) if (view.getInt32(here, true) !== known.getInt32(there, true)) return false
    for (; here < to; here++, there++) if (view.getUint8(here) !== known.getUint8(there)) return false
  }
  return there === end
}
