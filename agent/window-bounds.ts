/** Two clocks: the wall's, which people and servers read, and one that never jumps. */
export type Clock = { readonly wallMs: () => number; readonly monotonicMs: () => number }

export const systemClock: Clock = { wallMs: () => Date.now(), monotonicMs: () => performance.now() }

export const windowMs = 10_000
/** A window that ends this soon after a boundary of ten seconds ends at it: timers are late by less. */
const graceMs = 1000
/** By how much the wall clock may have strayed from the other during a window before it was stepped. */
const stepMs = 1000

export type Bounds = { readonly startMs: number; readonly endMs: number }
export type Opened = { readonly wallMs: number; readonly monotonicMs: number }

const aligned = (wallMs: number): number => {
  const boundary = Math.floor(wallMs / windowMs) * windowMs
  return wallMs - boundary < graceMs ? boundary : Math.round(wallMs)
}

/**
 * From when to when a window was, by the wall clock. A clock that was stepped meanwhile is taken as right now and wrong before: the window ends now
 * and is as long as the monotonic clock says. Never empty, never backwards.
 */
export const boundsOf = (opened: Opened, wallMs: number, monotonicMs: number): Bounds => {
  const elapsedMs = Math.max(1, Math.round(monotonicMs - opened.monotonicMs))
  const isStepped = Math.abs(wallMs - opened.wallMs - elapsedMs) > stepMs
  const endMs = aligned(wallMs)
  const startMs = isStepped ? endMs - elapsedMs : opened.wallMs
  return startMs < endMs ? { startMs, endMs } : { startMs, endMs: Math.max(Math.round(wallMs), startMs + 1) }
}

/** How long until the window that is open now should be closed. */
export const msToBoundary = (wallMs: number): number => windowMs - (wallMs % windowMs)
