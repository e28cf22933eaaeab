const firstMs = 1_000
const mostMs = 60_000
/** Without good credentials nothing goes through until somebody does something. */
const slowMs = 300_000

/**
 * Full jitter: anything from 0 to the bound, which doubles from 1 s to 60 s, so that a fleet that lost its endpoint at one moment does not return at one. `slow`
 * doubles on to five minutes: what refuses us may be starting itself and not know us yet, so that the first waits are as short.
 * `random` is from 0 to below 1. What the endpoint asked for (`afterMs`) is waited first, and the jitter added.
 */
export const backoffMs = (
  failures: number,
  random: number,
  { afterMs = 0, slow = false }: { afterMs?: number; slow?: boolean } = {},
): number => {
  const bound = Math.min(slow ? slowMs : mostMs, firstMs * 2 ** Math.min(failures - 1, 16))
  return afterMs + random * (afterMs > 0 ? Math.min(bound, afterMs) : bound)
}
