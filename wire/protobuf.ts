/** The wire format of Protocol Buffers (protobuf.dev/programming-guides/encoding), read in place and written, as far as OTLP needs it. */

/** What the bytes are not. Thrown within the readers of this directory, and never out of them. */
export class Unreadable extends Error {}

/** A limit that is ours, not the format's. */
export class OverLimit extends Error {}

/** Wire types. */
export const varintType = 0
export const fixed64Type = 1
export const bytesType = 2
const groupStart = 3
const groupEnd = 4
const fixed32Type = 5
/** Groups are long gone from OTLP; to skip one its groups must be walked (bufbuild's readers stop at 100 too). */
const maxGroupDepth = 100
const twoTo32 = 2 ** 32

/** A place in bytes. Every read is checked against the end of the bytes; that a message ends where it says is for `leave`. */
export class WireReader {
  readonly bytes: Uint8Array
  readonly #view: DataView
  at = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** The low 32 bits of a varint, as every reader of 32-bit fields takes them. */
  uint32(): number {
    const { bytes } = this
    const first = bytes[this.at++]
    if (first === undefined) throw new Unreadable('it ends too early')
    if (first < 128) return first
    let value = first & 127
    for (let shift = 7; shift < 70; shift += 7) {
      const byte = bytes[this.at++]
      if (byte === undefined) throw new Unreadable('it ends too early')
      if (shift < 32) value |= (byte & 127) << shift
      if (byte < 128) return value >>> 0
    }
    throw new Unreadable('a number of more than ten bytes')
  }

  /** A varint of 64 bits, exact up to 2^53. */
  uint64(): number {
    const first = this.bytes[this.at]
    if (first !== undefined && first < 128) {
      this.at++
      return first
    }
    let [low, high] = [0, 0]
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.bytes[this.at++]
      if (byte === undefined) throw new Unreadable('it ends too early')
      if (shift < 28) low |= (byte & 127) << shift
      else if (shift === 28) {
        low |= (byte & 15) << 28
        high = (byte & 127) >>> 4
      } else if (shift < 64) high |= (byte & 127) << (shift - 32)
      if (byte < 128) return (low >>> 0) + (high >>> 0) * twoTo32
    }
    throw new Unreadable('a number of more than ten bytes')
  }

  /** `sint32`, zigzag. */
  sint32(): number {
    const value = this.uint32()
    return (value >>> 1) ^ -(value & 1)
  }

  fixed64(): number {
    const at = this.#take(8)
    return this.#view.getUint32(at, true) + this.#view.getUint32(at + 4, true) * twoTo32
  }

  sfixed64(): number {
    const at = this.#take(8)
    return this.#view.getUint32(at, true) + this.#view.getInt32(at + 4, true) * twoTo32
  }

  double(): number {
    return this.#view.getFloat64(this.#take(8), true)
  }

  /** Enters a length-delimited field within a message that ends at `limit`; returns where it ends. */
  enter(limit: number): number {
    const length = this.uint32()
    const end = this.at + length
    if (end > limit) throw new Unreadable('a part is longer than the whole')
    return end
  }

  /** The tag of the next field: its number times eight, and its wire type. */
  tag(): number {
    const tag = this.uint32()
    if (tag < 8) throw new Unreadable('a field without a number')
    return tag
  }

  skip(tag: number, depth = 0): void {
    const type = tag & 7
    if (type === varintType) this.uint64()
    else if (type === fixed64Type) this.#take(8)
    else if (type === fixed32Type) this.#take(4)
    else if (type === bytesType) this.#take(this.uint32())
    else if (type === groupStart) this.#skipGroup(tag, depth + 1)
    else throw new Unreadable(type === groupEnd ? 'the end of a group that did not begin' : `wire type ${type}`)
  }

  /** That a message was read exactly to its end. */
  leave(end: number): void {
    if (this.at !== end) throw new Unreadable('a field reaches beyond its message')
  }

  #skipGroup(tag: number, depth: number): void {
    if (depth > maxGroupDepth) throw new OverLimit('groups nested too deep')
    for (let inner = this.tag(); inner !== tag + 1; inner = this.tag()) this.skip(inner, depth)
  }

  #take(length: number): number {
    const { at } = this
    if (at + length > this.bytes.length) throw new Unreadable('it ends too early')
    this.at = at + length
    return at
  }
}

/** Writes fields one after another. Lengths are known before: a message inside another is made first. */
export class WireWriter {
  #bytes = Buffer.allocUnsafe(1024)
  #length = 0

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  /** An integer from 0 to 2^64 − 1. */
  varint(value: number | bigint): void {
    this.#room(10)
    if (typeof value === 'number' && value >= 0 && value < 128) {
      this.#bytes[this.#length++] = value
      return
    }
    let rest = BigInt.asUintN(64, BigInt(value))
    for (; rest > 127n; rest >>= 7n) this.#bytes[this.#length++] = Number(rest & 127n) | 128
    this.#bytes[this.#length++] = Number(rest)
  }

  tag(field: number, type: number): void {
    this.varint(field * 8 + type)
  }

  fixed64(value: bigint): void {
    this.#room(8)
    this.#length = this.#bytes.writeBigUInt64LE(BigInt.asUintN(64, value), this.#length)
  }

  fixed32(value: number): void {
    this.#room(4)
    this.#length = this.#bytes.writeUInt32LE(value >>> 0, this.#length)
  }

  double(value: number): void {
    this.#room(8)
    this.#length = this.#bytes.writeDoubleLE(value, this.#length)
  }

  /** Bytes behind their length: a string, bytes, or a message. */
  delimited(field: number, bytes: Uint8Array): void {
    this.tag(field, bytesType)
    this.varint(bytes.length)
    this.#room(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  #room(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(2 * (this.#length + bytes))
    this.bytes.copy(larger)
    this.#bytes = larger
  }
}
