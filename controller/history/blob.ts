/**
 * An aggregate as bytes. The format, all integers as varints, signed ones zigzag (wire/bytes.ts):
 *
 *   byte version (1) · zstd of: strings, startMs, spanMs,
 *     columns: count × (key, byte form, variants: count × string)
 *     paths: count × (labels: check, kind, target, host, port or 0, network type, source cloud [region], destination cloud [region],
 *                     cells: count × (column, value))
 *
 * A string is its place in the table of strings, 0 for none. A value is by the column's form: of a sum a varint, of a gauge a double, of times
 * sum, min, max as doubles, count of zeros, scale, offset, buckets: count × (empty ones before it, count).
 */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { ByteReader, ByteWriter, Malformed } from '../../wire/bytes.ts'
import type { Histogram } from '../../wire/histogram.ts'
import { readBuckets, writeBuckets } from '../../wire/histogram-bytes.ts'
import { bad, good, type Parsed } from '../../wire/values.ts'
import type { Aggregate, Cell, PathAggregate } from './aggregate.ts'
import { type Column, columnForms, columnName } from './column.ts'
import type { At, PathLabels } from './labels.ts'

/** Of what this program writes. Another version is refused, not guessed at. */
export const blobVersion = 1
/** 2,000 paths with every series they can have are 4 MB. Only a broken or forged blob is larger. */
const maxInflatedBytes = 32 * 2 ** 20
const [maxPaths, maxColumns, maxVariant] = [20_000, 10_000, 8]
const options = { params: { [constants.ZSTD_c_compressionLevel]: 3 } }

export const encodeBlob = (aggregate: Aggregate): Buffer => {
  const out = new ByteWriter()
  out.uint(aggregate.startMs)
  out.uint(aggregate.spanMs)
  const places = new Map<Column, number>()
  const names = new Map<string, number>()
  const used: Column[] = []
  const placeOf = (column: Column): number => {
    const known = places.get(column)
    if (known !== undefined) return known
    const name = columnName(column)
    let place = names.get(name)
    if (place === undefined) names.set(name, (place = used.push(column) - 1))
    places.set(column, place)
    return place
  }
  for (const { cells } of aggregate.paths) for (const { column } of cells) placeOf(column)
  out.uint(used.length)
  for (const column of used) writeColumn(out, column)
  out.uint(aggregate.paths.length)
  for (const { labels, cells } of aggregate.paths) {
    writeLabels(out, labels)
    out.uint(cells.length)
    for (const cell of cells) {
      out.uint(placeOf(cell.column))
      writeValue(out, cell)
    }
  }
  return Buffer.concat([Buffer.of(blobVersion), zstdCompressSync(out.finish(), options)])
}

/** Garbage is a problem, in words; nothing is thrown. */
export const decodeBlob = (blob: Uint8Array): Parsed<Aggregate> => {
  if (blob[0] !== blobVersion) return bad(`not a blob of version ${blobVersion}: it begins with ${blob[0] ?? 'nothing'}`)
  try {
    return good(readAggregate(new ByteReader(inflate(blob.subarray(1)))))
  } catch (error) {
    if (error instanceof Malformed) return bad(`not a blob: ${error.message}`)
    throw error
  }
}

const inflate = (bytes: Uint8Array): Buffer => {
  try {
    return zstdDecompressSync(bytes, { maxOutputLength: maxInflatedBytes })
  } catch (error) {
    throw new Malformed(`it cannot be inflated (${error instanceof Error ? error.message : String(error)})`)
  }
}

const writeColumn = (out: ByteWriter, { key, form, variant }: Column): void => {
  out.text(key)
  out.byte(columnForms.indexOf(form))
  out.uint(variant.length)
  for (const value of variant) out.text(value)
}

const writeAt = (out: ByteWriter, at: At | undefined): void => {
  out.text(at?.cloud)
  if (at) out.text(at.region)
}

const writeLabels = (out: ByteWriter, labels: PathLabels): void => {
  for (const text of [labels.check, labels.kind, labels.target, labels.host]) out.text(text)
  out.uint(labels.port ?? 0)
  out.text(labels.networkType)
  writeAt(out, labels.source)
  writeAt(out, labels.destination)
}

const writeValue = (out: ByteWriter, { column, value }: Cell): void => {
  if (typeof value !== 'number') writeHistogram(out, value)
  else if (column.form === 'sum') out.uint(value)
  else out.double(value)
}

const writeHistogram = (out: ByteWriter, histogram: Histogram): void => {
  for (const seconds of [histogram.sum, histogram.min, histogram.max]) out.double(seconds)
  writeBuckets(out, histogram)
}

const readAggregate = (bytes: ByteReader): Aggregate => {
  bytes.texts()
  const [startMs, spanMs] = [bytes.uint(), bytes.uint()]
  const columns = Array.from({ length: bytes.count('columns', maxColumns) }, () => readColumn(bytes))
  const paths = Array.from({ length: bytes.count('paths', maxPaths) }, (): PathAggregate => {
    const labels = readLabels(bytes)
    return { labels, cells: Array.from({ length: bytes.count('cells', maxColumns) }, () => readCell(bytes, columns)) }
  })
  if (bytes.left > 0) throw new Malformed(`${bytes.left} bytes too many`)
  return { startMs, spanMs, paths }
}

const readColumn = (bytes: ByteReader): Column => {
  const key = bytes.needText()
  const form = columnForms[bytes.byte()]
  if (!form) throw new Malformed('a column has a form that does not exist')
  return { key, form, variant: Array.from({ length: bytes.count('attributes', maxVariant) }, () => bytes.needText()) }
}

const readAt = (bytes: ByteReader): At | undefined => {
  const cloud = bytes.text()
  return cloud === undefined ? undefined : { cloud, region: bytes.needText() }
}

const readLabels = (bytes: ByteReader): PathLabels => {
  const names = { check: bytes.needText(), kind: bytes.needText(), target: bytes.needText(), host: bytes.needText() }
  const port = bytes.uint()
  const networkType = bytes.text()
  const [source, destination] = [readAt(bytes), readAt(bytes)]
  return {
    ...names,
    ...(port !== 0 && { port }),
    ...(networkType !== undefined && { networkType }),
    ...(source && { source }),
    ...(destination && { destination }),
  }
}

const readCell = (bytes: ByteReader, columns: readonly Column[]): Cell => {
  const column = columns[bytes.uint()]
  if (!column) throw new Malformed('a cell has a column that does not exist')
  if (column.form === 'times') return { column, value: readHistogram(bytes) }
  const value = column.form === 'sum' ? bytes.uint() : bytes.double()
  if (!Number.isFinite(value)) throw new Malformed('a value is not a number')
  return { column, value }
}

/** The scales that OpenTelemetry knows, and their indices. */
const limits = { minScale: -10, maxScale: 20, maxOffset: 2 ** 31 }

const readHistogram = (bytes: ByteReader): Histogram => {
  const [sum, min, max] = [bytes.double(), bytes.double(), bytes.double()]
  if (!(sum >= 0 && min >= 0 && max >= min && sum < Number.POSITIVE_INFINITY && max < Number.POSITIVE_INFINITY))
    throw new Malformed('a histogram of values that cannot be')
  return { ...readBuckets(bytes, limits), sum, min, max }
}
