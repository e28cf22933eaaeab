import type { Dispatcher } from 'undici'
import { fetchText } from './fetch-text.ts'

/** JWKS have a few kB. */
const maxBytes = 1024 * 1024

/** One JSON document over HTTPS, as `fetchText` gets it. */
export const fetchJson = async (url: string, dispatcher?: Dispatcher): Promise<unknown> => {
  const text = await fetchText(url, { maxBytes, ...(dispatcher ? { dispatcher } : {}) })
  try {
    return JSON.parse(text) as unknown
  } catch {
    throw new Error('the answer is not JSON')
  }
}
