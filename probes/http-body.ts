/** A body as far as it is wanted: unpacked within a limit, matched within a time. */
import { createContext, Script } from 'node:vm'
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress, constants as zlib } from 'node:zlib'

const flush = { finishFlush: zlib.Z_SYNC_FLUSH }
/** A body that was cut is unpacked as far as it goes. */
const decoders = {
  gzip: () => createGunzip(flush),
  'x-gzip': () => createGunzip(flush),
  deflate: () => createInflate(flush),
  br: () => createBrotliDecompress({ finishFlush: zlib.BROTLI_OPERATION_FLUSH }),
  zstd: () => createZstdDecompress({ finishFlush: zlib.ZSTD_e_flush }),
}

/** A text says why it can't be unpacked. Stops at `most` bytes, whatever a few kB claim to hold. */
export const unpack = async (body: Buffer, encoding: string | undefined, most: number): Promise<Buffer | string> => {
  const name = encoding?.trim().toLowerCase() ?? ''
  if (name === '' || name === 'identity') return body.subarray(0, most)
  if (!Object.hasOwn(decoders, name)) return `content encoding ${JSON.stringify(name.slice(0, 40))} is not known`
  const decoder = decoders[name as keyof typeof decoders]()
  const pieces: Buffer[] = []
  let bytes = 0
  try {
    decoder.end(body)
    for await (const piece of decoder as AsyncIterable<Buffer>) {
      pieces.push(piece)
      bytes += piece.length
      if (bytes >= most) break
    }
  } catch (error) {
    return `the body is not ${name} (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})`
  }
  return Buffer.concat(pieces).subarray(0, most)
}

/** Far longer than a match in 1 MiB takes, short enough not to hold up the other runs. */
const patternMs = 50
const matching = new Script('pattern.test(text)')
/** Kept: making one costs more than most matches. What is in it is there while a match runs, and no longer. */
const given: { pattern?: RegExp; text?: string } = Object.create(null)
const context = createContext(given)

/** A pattern that backtracks for ever is stopped: V8 looks for a stop at each step back. `slow` when that happened. */
export const matchPattern = (pattern: RegExp, text: string): boolean | 'slow' => {
  try {
    Object.assign(given, { pattern, text })
    return matching.runInContext(context, { timeout: patternMs }) as boolean
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return 'slow'
    throw error
  } finally {
    given.text = ''
  }
}
