/** What a receiver is told although nothing is new: what still holds, and that somebody watches. Pure. */
import type { Receiver } from '../../wire/fleet-alerts.ts'
import type { NotificationEvent } from '../../wire/page.ts'
import { msOf } from '../fleet/duration.ts'
import type { Delivery } from '../store/deliveries.ts'
import { resendMs, resolvedForMs } from './alertmanager.ts'
import type { Message } from './message.ts'
import { watchdogPage } from './own-pages.ts'

/** When it was told for the last time: of what holds, and of the watchdog. */
export type LastTold = { heldMs: number; watchdogMs: number }

/** For how long after its end an incident is still told of. */
export const endedForMs = ({ type }: Receiver): number => (type === 'alertmanager' ? resolvedForMs : 0)

const watchdogMsOf = (receiver: Receiver): number | undefined => {
  if (!('watchdog' in receiver) || receiver.watchdog === undefined) return undefined
  return receiver.type === 'alertmanager' ? resendMs : msOf(receiver.watchdog)
}

const repeated = (delivery: Delivery, id: string, event: NotificationEvent, at: number): Message => {
  const { key, version, page } = delivery
  return { id, key, version, event, page, at, before: delivery }
}

/** `told`: all that this receiver was told that holds, or ended a while ago. */
export const messagesAgain = (receiver: Receiver, told: readonly Delivery[], last: LastTold, nowMs: number): Message[] => {
  if (receiver.type === 'alertmanager')
    return nowMs - last.heldMs >= resendMs ? told.map(one => repeated(one, one.id, 'repeat', nowMs)) : []
  if (!('repeat' in receiver)) return []
  const everyMs = msOf(receiver.repeat)
  return told
    .filter(({ page, isQuiet, sentMs }) => page.state === 'firing' && !isQuiet && nowMs - sentMs >= everyMs)
    .map(one => repeated(one, `${one.id}/repeat/${Math.floor((nowMs - one.saidMs) / everyMs)}`, 'repeat', nowMs))
}

export const watchdogMessages = (receiver: Receiver, last: LastTold, nowMs: number): Message[] => {
  const everyMs = watchdogMsOf(receiver)
  if (everyMs === undefined || nowMs - last.watchdogMs < everyMs) return []
  const page = watchdogPage(nowMs)
  return [{ id: `watchdog/${Math.floor(nowMs / everyMs)}`, key: page.key, version: 1, event: 'watchdog', page, at: nowMs }]
}

/** How long until something of this is due, at most. */
export const nextAgainMs = (receiver: Receiver, last: LastTold, nowMs: number, mostMs: number): number => {
  const watchdogMs = watchdogMsOf(receiver)
  const due = [
    ...(receiver.type === 'alertmanager' ? [last.heldMs + resendMs] : []),
    ...(watchdogMs === undefined ? [] : [last.watchdogMs + watchdogMs]),
  ]
  return Math.max(0, Math.min(mostMs, ...due.map(at => at - nowMs)))
}
