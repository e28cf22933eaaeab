import { clockAdjust, supported } from './libc.ts'

/** struct timex, 64-bit (linux/timex.h): modes 0, offset 8, freq 16, maxerror 24, esterror 32, status 40; in µs. */
const timexBytes = 208
const maxErrorAt = 24
const timeError = 5

/**
 * How wrong this machine's clock may be, in ms, as the kernel reckons it (adjtimex(2), read only): NaN when nobody keeps it, undefined where it
 * can't be asked. The kernel's error grows by 0.5 ms a second without word from a time server.
 */
export const clockErrorMs = (): number | undefined => {
  if (!supported) return undefined
  const timex = Buffer.alloc(timexBytes)
  const state = clockAdjust(timex)
  if (state < 0) return undefined
  return state === timeError ? Number.NaN : Number(timex.readBigInt64LE(maxErrorAt)) / 1000
}
