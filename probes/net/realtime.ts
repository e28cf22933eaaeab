import * as libc from './libc.ts'

const CLOCK_REALTIME = 0
const spec = Buffer.alloc(16)
/** A look that took longer, because something came between, is off by up to half of that, which may be more than an RTT: it is taken again. */
const narrowMs = 0.002
const mostTries = 3

/**
 * The realtime clock, in nanoseconds relative to `baseSeconds`, told by the monotonic clock between two looks at it.
 * A look costs a system call; between looks `nowNs` costs a few nanoseconds. `look` returns by how many ms the realtime clock has moved
 * against the monotonic one since the last look: a step of it makes every RTT across that look worthless.
 */
export class Realtime {
  readonly baseSeconds: number
  #offsetNs = 0

  constructor() {
    libc.clockGettime(CLOCK_REALTIME, spec)
    this.baseSeconds = Number(spec.readBigInt64LE(0))
    this.look()
  }

  look(): number {
    let offset = 0
    let narrowest = Number.POSITIVE_INFINITY
    for (let tries = 0; tries < mostTries && narrowest > narrowMs; tries++) {
      const before = performance.now()
      libc.clockGettime(CLOCK_REALTIME, spec)
      const after = performance.now()
      if (after - before >= narrowest) continue
      narrowest = after - before
      const seconds = spec.readInt32LE(4) * 4294967296 + spec.readUInt32LE(0)
      offset = (seconds - this.baseSeconds) * 1e9 + spec.readUInt32LE(8) - ((before + after) / 2) * 1e6
    }
    const movedMs = (offset - this.#offsetNs) / 1e6
    this.#offsetNs = offset
    return movedMs
  }

  nowNs(): number {
    return performance.now() * 1e6 + this.#offsetNs
  }
}

/**
 * The realtime clock itself, in nanoseconds relative to `baseSeconds`, for a time of sending: a process that loses the processor between this and the
 * system call makes a round trip too long, and never too short as an offset that was taken at a bad moment does.
 */
export const realtimeNs = (baseSeconds: number): number => {
  libc.clockGettime(CLOCK_REALTIME, spec)
  const seconds = spec.readInt32LE(4) * 4294967296 + spec.readUInt32LE(0)
  return (seconds - baseSeconds) * 1e9 + spec.readUInt32LE(8)
}
