/** That this agent is one of the fleet: enrols it, renews its credential at half of its life, and enrols it anew when it is not good any more. For ever. */
import type { ControllerConfig } from '../config/config.ts'
import type { Log } from '../log.ts'
import { backoffMs } from '../send/backoff.ts'
import { sleep } from '../send/sleep.ts'
import { type Credential, keepCredential, readKeptCredential, type Verdict } from './credential.ts'
import { type Asking, enrol, renew } from './enrolment.ts'
import type { Keep } from './kept.ts'
import { readProof } from './proof.ts'
import { remedyOf } from './remedy.ts'

export type Membership = {
  /** Undefined while there is none that is good. */
  now(): Credential | undefined
  /** As soon as there is one; undefined when it all ends, or `waiting` does. */
  held(waiting: AbortSignal): Promise<Credential | undefined>
  /** The controller does not take this one. */
  doubt(credential: Pick<Credential, 'token'>): void
  readonly ended: Promise<void>
}

type Parts = Asking & {
  config: ControllerConfig
  keep: Keep
  log: Log
  random: () => number
  /** Another one than before, by which we may have another name. */
  onGiven: (credential: Credential) => void
}

/** A credential that was good for so long was no mistake. */
const steadyMs = 60_000
/** After a start, so that a fleet that starts at one moment does not come at one. */
const introduceMs = 15_000
/** Renewed this far from the middle of its life, to either side, as part of its life. */
const jitter = 0.05
/** Between two credentials, however short their lives. */
const leastMs = 1_000
/** What there may be to enrol with. */
export const noProof = 'a join token (--join-token-file, CAUSEWAY_JOIN_TOKEN), a projected token (controller.token), or controller.spiffe'

/** Runs until `signal` ends it. */
export const startMembership = (parts: Parts, signal: AbortSignal): Membership => {
  const { config, keep, log, random, nowMs, onGiven } = parts
  let current = readKeptCredential(keep)
  let isDoubted = false
  let doubts = 0
  let failures = 0
  /** What this agent says of itself may be other than when it got the credential that it kept. */
  let isFirst = current !== undefined
  let said = ''
  let woken = Promise.withResolvers<void>()
  let changed = new AbortController()
  const isGood = (): boolean => current !== undefined && !isDoubted && nowMs() < current.untilMs

  /** By the credential while it is good; else by a proof, and when that is not good, by the credential after all: the controller may have changed its mind. */
  const ask = async (): Promise<Verdict> => {
    if (current && isGood()) {
      const renewed = await renew(parts, current, signal)
      if (renewed.kind !== 'refused') return renewed
      isDoubted = true
    }
    const proof = readProof(config)
    const enrolled: Verdict = proof.ok
      ? await enrol(parts, proof.value, signal)
      : { kind: 'refused', status: 0, detail: ['nothing to prove who this agent is with', ...proof.problems].join('; ') }
    if (enrolled.kind !== 'refused' || !current) return enrolled
    const renewed = await renew(parts, current, signal)
    return renewed.kind === 'given' ? renewed : enrolled
  }

  /** How long to wait before the next. */
  const conclude = (verdict: Verdict): number => {
    if (verdict.kind === 'given') {
      take(verdict.credential)
      return leastMs
    }
    failures += 1
    const { kind, detail } = verdict
    if (said !== detail) {
      const remedy = kind === 'refused' ? (remedyOf(detail) ?? (verdict.status === 0 ? noProof : undefined)) : undefined
      const facts = { controller: config.url, problem: detail, ...(remedy === undefined ? {} : { remedy }) }
      if (kind === 'refused') log.error(facts, 'the controller does not let this agent in; tried again, in the end every few minutes')
      else log.warn(facts, isGood() ? 'the credential could not be renewed, tried again' : 'could not enrol, tried again')
      said = detail
    }
    return backoffMs(failures, random(), kind === 'refused' ? { slow: true } : { afterMs: verdict.afterMs })
  }

  const take = (credential: Credential): void => {
    const isAnother = credential.agentId !== current?.agentId || said !== ''
    if (!keepCredential(keep, credential))
      log.warn({ directory: keep.directory }, 'the credential cannot be kept: a restart needs a new proof')
    current = credential
    isDoubted = false
    failures = 0
    said = ''
    if (isAnother) {
      const { agentId, location, untilMs } = credential
      log.info({ agent: agentId, ...location, until: new Date(untilMs).toISOString() }, 'enrolled')
    }
    onGiven(credential)
    woken.resolve()
    woken = Promise.withResolvers()
  }

  const work = async (): Promise<void> => {
    while (!signal.aborted) {
      changed = new AbortController()
      const dueMs = isFirst ? random() * introduceMs : current ? renewalMs(current, random()) - nowMs() : 0
      const waitMs = isGood() && failures === 0 ? dueMs : 0
      isFirst = false
      if (waitMs > 0) await sleep(Math.min(waitMs, 2 ** 31 - 1), AbortSignal.any([signal, changed.signal]))
      if (signal.aborted) return
      if (isDoubted && failures === 0) await sleep(backoffMs(doubts, random()), signal)
      const againMs = conclude(await ask())
      if (!signal.aborted && againMs > 0) await sleep(againMs, signal)
    }
  }

  const ended = work()
  return {
    now: () => (isGood() ? current : undefined),
    async held(waiting) {
      const end = Promise.withResolvers<void>()
      const give = (): void => end.resolve()
      waiting.addEventListener('abort', give, { once: true })
      while (!isGood() && !waiting.aborted && !signal.aborted) await Promise.race([woken.promise, end.promise, ended])
      waiting.removeEventListener('abort', give)
      return isGood() && !waiting.aborted ? current : undefined
    },
    doubt({ token }) {
      if (isDoubted || token !== current?.token) return
      doubts = nowMs() - current.sinceMs > steadyMs ? 1 : doubts + 1
      isDoubted = true
      changed.abort()
    },
    ended,
  }
}

/** Around the middle of its life, so that a fleet that enrolled at one moment does not renew at one. */
export const renewalMs = ({ sinceMs, untilMs }: Pick<Credential, 'sinceMs' | 'untilMs'>, random: number): number =>
  sinceMs + (untilMs - sinceMs) * (0.5 + (2 * random - 1) * jitter)
