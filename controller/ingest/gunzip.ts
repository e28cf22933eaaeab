import { gunzipSync } from 'node:zlib'

/** Of one request. OTLP's own suggestion is 64 MiB (docs/specification.md); an agent's largest request has 3. */
export type BodyLimits = { readonly bytes: number; readonly inflatedBytes: number; readonly ratio: number; readonly freeBytes: number }
export const defaultBodyLimits: BodyLimits = { bytes: 4 * 2 ** 20, inflatedBytes: 16 * 2 ** 20, ratio: 100, freeBytes: 64 * 1024 }

export type Inflated =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly status: 400 | 413; readonly message: string }

/**
 * The body that was compressed, as far as the limits allow: zlib is stopped at the first byte beyond them. Up to `freeBytes` any ratio is
 * taken, above it `ratio` bytes for each compressed one: real batches have 20 to 40, a bomb 1,000.
 */
export const gunzip = (body: Uint8Array, limits = defaultBodyLimits): Inflated => {
  if (body.length > limits.bytes) return { ok: false, status: 413, message: `${body.length} bytes, want at most ${limits.bytes}` }
  const most = Math.min(limits.inflatedBytes, Math.max(limits.freeBytes, body.length * limits.ratio))
  try {
    return { ok: true, bytes: gunzipSync(body, { maxOutputLength: most, chunkSize: Math.max(1024, Math.min(most, saidBytes(body) + 1)) }) }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ERR_BUFFER_TOO_LARGE') return { ok: false, status: 413, message: `more than ${most} bytes when inflated` }
    return { ok: false, status: 400, message: 'not gzip, or cut short' }
  }
}

/** What gzip says at its end of the size of what it holds (RFC 1952 §2.3.1, ISIZE): only a hint, so that it is inflated in one piece. */
const saidBytes = (body: Uint8Array): number =>
  body.length < 4 ? 0 : new DataView(body.buffer, body.byteOffset + body.length - 4).getUint32(0, true)
