import { mock } from 'node:test'
import type { Clock } from '../../agent/schedule.ts'

export type FakeTime = Clock & {
  /** Lets time pass in steps of a millisecond, with the timers that fall due and everything they set off. */
  pass(ms: number): Promise<void>
  /** The process stands still: time passes and nothing is called. */
  freeze(ms: number): void
  /** Somebody sets the wall clock. */
  setWall(byMs: number): void
  end(): void
}

/** A clock and Node's own timers under the test's hand. One at a time. */
export const fakeTime = (nowMs = 1_795_000_000_000): FakeTime => {
  mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
  let elapsed = 1000
  let offset = nowMs - elapsed
  return {
    elapsedMs: () => elapsed,
    nowMs: () => elapsed + offset,
    async pass(ms) {
      for (let i = 0; i < ms; i++) {
        elapsed++
        mock.timers.tick(1)
        if (i % 10 === 0) await new Promise(resolve => setImmediate(resolve))
      }
      await new Promise(resolve => setImmediate(resolve))
    },
    freeze: ms => {
      elapsed += ms
    },
    setWall: byMs => {
      offset += byMs
    },
    end: () => mock.timers.reset(),
  }
}
