/** Reading and writing of numbers and strings in as few bytes as they need. Not for any protocol: only our own records are like this. */

/** What a record is not. Thrown within the reader, and never out of it. */
export class Malformed extends Error {}

/** Integers as base-128 varints, least significant first, up to 2^53; strings by their place in a table. */
export class ByteWriter {
  #buffer = Buffer.allocUnsafe(4096)
  #length = 0
  readonly #places = new Map<string, number>()

  byte(value: number): void {
    this.#room(1)
    this.#buffer[this.#length++] = value
  }

  /** An integer ≥ 0; a fraction is rounded. */
  uint(value: number): void {
    this.#room(8)
    let rest = Math.min(Math.max(0, Math.round(value)), Number.MAX_SAFE_INTEGER)
    while (rest >= 128) {
      this.#buffer[this.#length++] = (rest % 128) | 128
      rest = Math.floor(rest / 128)
    }
    this.#buffer[this.#length++] = rest
  }

  /** An integer of either sign, small ones in few bytes (zigzag). */
  int(value: number): void {
    this.uint(value < 0 ? -2 * value - 1 : 2 * value)
  }

  double(value: number): void {
    this.#room(8)
    this.#length = this.#buffer.writeDoubleLE(value, this.#length)
  }

  /** By its place in the table that `finish` writes; 0 for none. */
  text(value: string | undefined): void {
    let place = value === undefined ? 0 : this.#places.get(value)
    if (value !== undefined && place === undefined) this.#places.set(value, (place = this.#places.size + 1))
    this.uint(place!)
  }

  /** The table of strings, then what was written. */
  finish(): Buffer {
    const head = new ByteWriter()
    head.uint(this.#places.size)
    for (const text of this.#places.keys()) head.raw(Buffer.from(text))
    return Buffer.concat([head.bytes, this.bytes])
  }

  /** What was written, without the strings. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  /** Bytes behind their number. */
  raw(bytes: Buffer): void {
    this.uint(bytes.length)
    this.#room(bytes.length)
    this.#length += bytes.copy(this.#buffer, this.#length)
  }

  #room(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(2 * (this.#length + bytes))
    this.bytes.copy(larger)
    this.#buffer = larger
  }
}

/** Reads what `ByteWriter` wrote. Allocates nothing that the bytes left could not fill. */
export class ByteReader {
  readonly #buffer: Buffer
  #at = 0
  #texts: string[] = []

  constructor(payload: Uint8Array) {
    this.#buffer = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
  }

  get left(): number {
    return this.#buffer.length - this.#at
  }

  byte(): number {
    if (this.left < 1) throw new Malformed('it ends too early')
    return this.#buffer[this.#at++]!
  }

  uint(): number {
    let value = 0
    for (let factor = 1; factor <= 2 ** 49; factor *= 128) {
      const byte = this.byte()
      value += (byte & 127) * factor
      if (byte < 128) {
        if (value > Number.MAX_SAFE_INTEGER) break
        return value
      }
    }
    throw new Malformed('a number is too large')
  }

  int(): number {
    const value = this.uint()
    return value % 2 === 1 ? -(value + 1) / 2 : value / 2
  }

  double(): number {
    if (this.left < 8) throw new Malformed('it ends too early')
    this.#at += 8
    return this.#buffer.readDoubleLE(this.#at - 8)
  }

  /** How many things follow, each of at least one byte. */
  count(what: string, most: number): number {
    const count = this.uint()
    if (count > most || count > this.left) throw new Malformed(`it says that it has ${count} ${what}`)
    return count
  }

  /** Bytes behind their number. */
  raw(): Buffer {
    const length = this.count('bytes', 2 ** 30)
    this.#at += length
    return this.#buffer.subarray(this.#at - length, this.#at)
  }

  texts(): void {
    const count = this.count('strings', 1e6)
    for (let k = 0; k < count; k++) this.#texts.push(this.raw().toString())
  }

  text(): string | undefined {
    const place = this.uint()
    if (place === 0) return undefined
    if (place > this.#texts.length) throw new Malformed(`it has no string ${place}`)
    return this.#texts[place - 1]
  }

  needText(): string {
    const text = this.text()
    if (text === undefined) throw new Malformed('a string is missing')
    return text
  }
}
