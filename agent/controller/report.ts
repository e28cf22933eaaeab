/** What an agent tells the controller in answer: tried again while the controller is away, and given up when it is refused. */
import type { Acknowledgement } from '../../wire/api/assignments.ts'
import type { Log } from '../log.ts'
import { backoffMs } from '../send/backoff.ts'
import { parseRetryAfterMs } from '../send/retry-after.ts'
import { sleep } from '../send/sleep.ts'
import { sayAnswer } from './credential.ts'
import { bearer, tell } from './enrolment.ts'
import type { Line } from './line.ts'
import type { Membership } from './membership.ts'

export type Telling = { line: Line; membership: Membership; log: Log; random: () => number; nowMs: () => number }

const passing = [408, 425, 429, 500, 502, 503, 504]

/** Resolves when the controller has it, or will never have it (false), or `signal` ends it. Never rejects. */
export const report = async (
  { line, membership, log, random, nowMs }: Telling,
  path: string,
  body: object,
  signal: AbortSignal,
): Promise<boolean> => {
  for (let failures = 1; !signal.aborted; failures++) {
    const credential = await membership.held(signal)
    if (!credential) return false
    const answer = await tell(line, path, body, bearer(credential.token), signal)
    if (answer.kind === 'answered') {
      const { status } = answer
      if (status >= 200 && status < 300) return true
      if (status === 401) membership.doubt(credential)
      else if (!passing.includes(status)) {
        log.warn({ path, problem: sayAnswer(answer) }, 'the controller refused what it was told')
        return false
      }
    }
    const afterMs = answer.kind === 'answered' ? parseRetryAfterMs(answer.retryAfter, nowMs()) : undefined
    await sleep(backoffMs(failures, random(), { afterMs }), signal)
  }
  return false
}

/** Of several that wait only the last is told: it is the one that is true. */
export const openAcknowledging = (
  telling: Telling,
  signal: AbortSignal,
): { tell: (one: Acknowledgement) => void; ended: () => Promise<unknown> } => {
  let current: AbortController | undefined
  let last: Promise<unknown> = Promise.resolve()
  return {
    tell(one) {
      current?.abort()
      const mine = new AbortController()
      current = mine
      const ending = AbortSignal.any([signal, mine.signal])
      last = last.then(() => report(telling, '/v1/assignments/ack', one, ending))
    },
    ended: () => last,
  }
}

/** The end of this process waits no longer for it. */
const goodbyeMs = 1_000

/** That it ends on purpose: once, and when it does not arrive the controller finds out by its silence. Never rejects. */
export const sayGoodbye = async ({ line, membership, log }: Telling, revision = 'none'): Promise<void> => {
  const credential = membership.now()
  if (!credential) return
  const body: Acknowledgement = { revision, generation: 0, outcome: 'leaving', problems: [] }
  const answer = await tell(line, '/v1/assignments/ack', body, bearer(credential.token), AbortSignal.timeout(goodbyeMs))
  if (answer.kind === 'answered' && answer.status < 300) return
  log.info({ problem: answer.kind === 'answered' ? sayAnswer(answer) : answer.detail }, 'the controller did not hear the goodbye')
}
