/** The buckets of a histogram as our own records and blobs have them (wire/bytes.ts): zeros, scale, offset, filled: count × (empty ones before it, count). */
import { type ByteReader, type ByteWriter, Malformed } from './bytes.ts'
import { type Histogram, maxBuckets } from './histogram.ts'

/** What the sums of a histogram do not say. */
type Buckets = Pick<Histogram, 'scale' | 'count' | 'zeroCount' | 'offset' | 'size' | 'counts'>
/** What a reader believes; beyond it the bytes are broken or forged. */
export type BucketLimits = { minScale: number; maxScale: number; maxOffset: number }

/** Where buckets are read to before it is known how many there are. */
const scratch = new Float64Array(maxBuckets)

export const writeBuckets = (out: ByteWriter, { zeroCount, scale, offset, size, counts }: Histogram): void => {
  out.uint(zeroCount)
  out.int(scale)
  out.int(offset)
  let filled = 0
  for (let k = 0; k < size; k++) if (counts[k] !== 0) filled++
  out.uint(filled)
  for (let k = 0, next = 0; k < size; k++) {
    if (counts[k] === 0) continue
    out.uint(k - next)
    out.uint(counts[k]!)
    next = k + 1
  }
}

export const readBuckets = (bytes: ByteReader, { minScale, maxScale, maxOffset }: BucketLimits): Buckets => {
  const zeroCount = bytes.uint()
  const [scale, offset] = [bytes.int(), bytes.int()]
  if (scale < minScale || scale > maxScale) throw new Malformed(`a histogram has the scale ${scale}`)
  if (Math.abs(offset) > maxOffset) throw new Malformed(`a histogram begins at bucket ${offset}`)
  const filled = bytes.count('buckets', maxBuckets)
  let [size, count] = [0, zeroCount]
  for (let k = 0; k < filled; k++) {
    const next = size + bytes.uint() + 1
    if (next > maxBuckets) throw new Malformed('a histogram has too many buckets')
    scratch.fill(0, size, next)
    scratch[next - 1] = bytes.uint()
    count += scratch[next - 1]!
    size = next
  }
  if (count === 0 || !Number.isSafeInteger(count)) throw new Malformed(`a histogram counts ${count}`)
  return { scale, count, zeroCount, offset, size, counts: scratch.slice(0, size) }
}
