/** When to come back to the controller, and how. Pure. */
import { backoffMs } from '../send/backoff.ts'
import { parseRetryAfterMs } from '../send/retry-after.ts'
import type { StreamEnd } from './stream.ts'

/** `mutes`: streams in a row of which nothing came. `failures`: in a row, for the backoff. */
export type Course = { failures: number; mutes: number; way: 'stream' | 'poll'; polls: number }
export const newCourse: Course = { failures: 0, mutes: 0, way: 'stream', polls: 0 }

/** Polling, which brought an answer; or the controller has asked us to come back after so long. */
export type TryEnd = StreamEnd | { kind: 'polled' } | { kind: 'drain'; afterMs: number }

/** A stream that went on for so long was a good one: its end is no failure to connect. */
const steadyMs = 60_000
/** A stream that ended may be one of thousands that end with one controller: the first try is spread over 4 s. */
const leastTries = 3
/** After so many streams of which nothing came it is polled. */
const mostMutes = 3
/** Between two polls, on average. */
const pollMs = 30_000
/** After so many polls a stream is tried again: whoever was in between may be gone. */
const pollsBeforeStream = 20
/** A controller that ends may not send anybody away for longer. */
const mostDrainMs = 600_000

/** What comes next and after which wait. `random` is from 0 to below 1. */
export const judgeTry = (course: Course, end: TryEnd, random: number, nowMs: number): { course: Course; waitMs: number } => {
  const failures = course.failures + 1
  switch (end.kind) {
    case 'polled': {
      const polls = course.polls + 1
      const isEnough = polls >= pollsBeforeStream
      // Two in place of three: one more that stays mute is enough.
      const next: Course = isEnough ? { failures: 0, mutes: mostMutes - 1, way: 'stream', polls: 0 } : { ...course, failures: 0, polls }
      return { course: next, waitMs: pollMs * (0.5 + random) }
    }
    case 'drain':
      return { course: { ...course, failures: 0, mutes: 0 }, waitMs: drainMs(Math.min(end.afterMs, mostDrainMs), random) }
    case 'ended': {
      const tries = Math.max(end.livedMs >= steadyMs ? 1 : failures, leastTries)
      return { course: { ...course, failures: tries, mutes: 0 }, waitMs: backoffMs(tries, random) }
    }
    case 'mute': {
      const mutes = course.mutes + 1
      const way = mutes >= mostMutes ? 'poll' : course.way
      return { course: { ...course, failures, mutes, way }, waitMs: backoffMs(failures, random) }
    }
    case 'unreachable':
      return { course: { ...course, failures }, waitMs: backoffMs(failures, random) }
    case 'refused': {
      const afterMs = end.status === 429 || end.status === 503 ? parseRetryAfterMs(end.retryAfter, nowMs) : undefined
      // 401 is the credential's matter, which is replaced; what else is refused stays so until people do something.
      const slow = end.status >= 400 && end.status < 500 && ![401, 408, 429].includes(end.status)
      return { course: { ...course, failures }, waitMs: backoffMs(failures, random, slow ? { slow } : { afterMs }) }
    }
  }
}

/** All agents of a controller are told the same: they come back spread over as long again. */
const drainMs = (afterMs: number, random: number): number => afterMs + random * Math.max(1_000, afterMs)
