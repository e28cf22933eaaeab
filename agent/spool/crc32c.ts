/** CRC-32C (Castagnoli, RFC 3720 §12.1, reflected polynomial 0x82F63B78), eight bytes at a time. zlib's crc32 is another polynomial. */
const tables = Array.from({ length: 8 }, () => new Uint32Array(256))
for (let n = 0; n < 256; n++) {
  let c = n
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1
  tables[0]![n] = c >>> 0
}
for (let n = 0; n < 256; n++)
  for (let k = 1; k < 8; k++) {
    const before = tables[k - 1]![n]!
    tables[k]![n] = (before >>> 8) ^ tables[0]![before & 0xff]!
  }
const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
]

/** Of the bytes from `start` to before `end`; `seed` is the sum of what came before them. */
export const crc32c = (bytes: Uint8Array, start = 0, end = bytes.length, seed = 0): number => {
  let c = ~seed
  let i = start
  for (; i + 8 <= end; i += 8) {
    c ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24)
    const low = t7[c & 0xff]! ^ t6[(c >>> 8) & 0xff]! ^ t5[(c >>> 16) & 0xff]! ^ t4[c >>> 24]!
    c = low ^ t3[bytes[i + 4]!]! ^ t2[bytes[i + 5]!]! ^ t1[bytes[i + 6]!]! ^ t0[bytes[i + 7]!]!
  }
  for (; i < end; i++) c = t0[(c ^ bytes[i]!) & 0xff]! ^ (c >>> 8)
  return ~c >>> 0
}
