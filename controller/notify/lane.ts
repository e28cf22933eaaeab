/**
 * The way to one receiver: what it has to be told, one thing after the other. Each receiver has its own, so that one that hangs or is gone delays no other. What
 * was sent and not marked as sent, because this process ended between the two, is sent again under the same id and key.
 */
import type { FastifyBaseLogger } from 'fastify'
import type { Receiver } from '../../wire/fleet-alerts.ts'
import type { Counters } from '../metrics.ts'
import { getDelivery, toldTo } from '../store/deliveries.ts'
import { claimOutgoing, type Outgoing, releaseOthers, releaseOutgoing } from '../store/outbox.ts'
import type { Sql } from '../store/sql.ts'
import type { Store } from '../store/store.ts'
import { endedForMs, type LastTold, messagesAgain, nextAgainMs, watchdogMessages } from './again.ts'
import { resendMs } from './alertmanager.ts'
import { type Answer, failed, type Means, type Message } from './message.ts'
import { downAfter, nextTryMs } from './next-try.ts'
import { grouping, send } from './receivers.ts'
import { settle } from './settle.ts'

/** In one turn; between turns another replica may have become the leader. */
const mostAtOnce = 20
/** Alertmanager takes any number in one request. */
const mostInOne = 500
const pollMs = 5000

export type LaneOptions = {
  name: string
  /** As the fleet has it now. */
  receiver: () => Receiver | undefined
  store: Store
  means: Means
  holder: string
  random: () => number
  log: Pick<FastifyBaseLogger, 'info' | 'warn' | 'error'>
  counters: Pick<Counters, 'notifications' | 'notificationDelay'>
  isLeader: () => boolean
  /** Whether alerts are being judged: if not, the watchdog keeps silent, which is its alarm. */
  isJudging: () => boolean
}

export type Lane = {
  /** Tells what there is to tell. Resolves with how many ms it can wait for the next turn. Rejects when the store is away. */
  turn(): Promise<number>
}

type State = LastTold & { failures: number; notBeforeMs: number; isTakenOver: boolean }

export const openLane = (options: LaneOptions): Lane => {
  const state: State = {
    failures: 0,
    notBeforeMs: 0,
    heldMs: Number.NEGATIVE_INFINITY,
    watchdogMs: Number.NEGATIVE_INFINITY,
    isTakenOver: false,
  }
  return { turn: () => takeTurn(options, state) }
}

const takeTurn = async (options: LaneOptions, state: State): Promise<number> => {
  const receiver = options.receiver()
  if (!receiver) return pollMs
  if (!options.isLeader()) {
    state.isTakenOver = false
    return pollMs
  }
  const nowMs = options.means.nowMs()
  if (nowMs < state.notBeforeMs) return state.notBeforeMs - nowMs
  const { groups, outgoing, limit, isAll } = await gather(options, state, receiver, nowMs)
  for (const [index, group] of groups.entries()) {
    const answer = options.isLeader() ? await tell(options, receiver, group, outgoing) : failed('another controller leads now')
    if (answer.kind !== 'failed') {
      recover(options, state)
      continue
    }
    await giveBack(options, groups.slice(index).flat(), outgoing)
    if (options.isLeader() && !options.means.stop.aborted) backOff(options, state, answer)
    return Math.max(0, state.notBeforeMs - options.means.nowMs())
  }
  if (isAll) state.heldMs = nowMs
  if (groups.flat().some(({ event }) => event === 'watchdog')) state.watchdogMs = nowMs
  // As much again may wait.
  return outgoing.size >= limit ? 0 : nextAgainMs(receiver, state, options.means.nowMs(), pollMs)
}

const giveBack = async ({ store, holder, name }: LaneOptions, rest: readonly Message[], outgoing: ReadonlyMap<string, Outgoing>) =>
  await store.write(async sql => {
    for (const { id, key } of rest) if (outgoing.has(id)) await releaseOutgoing(sql, holder, { key, receiver: name })
  })

/** `isAll`: what holds is among them, where that was due. */
type Gathered = { groups: Message[][]; outgoing: Map<string, Outgoing>; limit: number; isAll: boolean }

/** All that is to be told now; what is news is claimed. A receiver that failed is tried with one thing. */
const gather = async (options: LaneOptions, state: State, receiver: Receiver, nowMs: number): Promise<Gathered> => {
  const { name, store, holder, means, isJudging } = options
  const isWell = state.failures === 0
  const takesMany = receiver.type === 'alertmanager'
  const limit = takesMany ? mostInOne : isWell ? mostAtOnce : 1
  const untilMs = nowMs + (mostAtOnce + 1) * means.timeoutMs
  const { news, told } = await store.write(async sql => {
    if (!state.isTakenOver) await releaseOthers(sql, name, holder)
    const claimed = await claimOutgoing(sql, { receiver: name, holder, nowMs, untilMs, limit })
    return { news: await withBefore(sql, claimed), told: await toldTo(sql, name, nowMs - endedForMs(receiver)) }
  })
  state.isTakenOver = true
  const keys = new Set(news.map(({ key }) => key))
  const isRoom = isWell || takesMany || news.length === 0
  const again = messagesAgain(
    receiver,
    told.filter(({ key }) => !keys.has(key)),
    state,
    nowMs,
  )
  const watchdog = isJudging() ? watchdogMessages(receiver, state, nowMs) : []
  const groups = grouping[receiver.type]([...news, ...(isRoom ? [...again, ...watchdog] : [])])
  return {
    ...{ groups, limit, outgoing: new Map(news.map(one => [one.id, one])) },
    isAll: takesMany && nowMs - state.heldMs >= resendMs,
  }
}

const withBefore = async (sql: Sql, claimed: readonly Outgoing[]): Promise<(Outgoing & Message)[]> => {
  const found: (Outgoing & Message)[] = []
  for (const one of claimed) {
    const before = await getDelivery(sql, one.receiver, one.key)
    found.push({ ...one, ...(before?.page.incident === one.page.incident && { before }) })
  }
  return found
}

/** When a group is refused, each of it is tried alone: one that can't be told must not take the others with it. */
const tell = async (
  options: LaneOptions,
  receiver: Receiver,
  group: readonly Message[],
  outgoing: ReadonlyMap<string, Outgoing>,
): Promise<Answer> => {
  const answer = await send(receiver, group, options.means)
  if (answer.kind === 'refused' && group.length > 1) {
    for (const one of group) {
      const alone = await tell(options, receiver, [one], outgoing)
      if (alone.kind === 'failed') return alone
    }
    return { kind: 'taken', detail: 'one by one' }
  }
  count(options, group, answer)
  if (answer.kind === 'refused')
    options.log.error(
      { receiver: options.name, incident: group[0]?.page.incident, answer: answer.detail },
      'a receiver refuses a notification',
    )
  if (answer.kind !== 'failed') await settle(options, { receiver, group, outgoing, answer })
  return answer
}

const count = ({ name, counters, means }: LaneOptions, group: readonly Message[], { kind }: Answer): void => {
  counters.notifications.inc({ receiver: name, outcome: kind }, group.length)
  if (kind !== 'taken') return
  for (const one of group) if ('firstMs' in one) counters.notificationDelay.observe(Math.max(0, means.nowMs() - Number(one.firstMs)) / 1000)
}

const recover = ({ log, name }: LaneOptions, state: State): void => {
  if (state.failures >= downAfter) log.info({ receiver: name }, 'a receiver takes notifications again')
  state.failures = 0
}

const backOff = ({ log, name, random, means }: LaneOptions, state: State, answer: Answer & { kind: 'failed' }): void => {
  state.failures += 1
  const waitMs = nextTryMs(state.failures, random(), answer.retryAfterMs)
  state.notBeforeMs = means.nowMs() + waitMs
  const said = { receiver: name, answer: answer.detail, failures: state.failures, nextTryS: Math.round(waitMs / 1000) }
  if (state.failures === downAfter) log.error(said, 'a receiver is down: what it is to be told waits')
  else if (state.failures < downAfter) log.warn(said, 'a receiver did not take a notification')
}
