/** Which messages go together. Pure. */
import type { Message } from './message.ts'

/** Up to so many tickets are told one by one. */
const mostAlone = 3

/**
 * Many tickets that begin or end at once are one message; so is nothing that wakes somebody. `messages` come in the order in which they are to be told, and stay
 * in it.
 */
export const groupTickets = (messages: readonly Message[]): Message[][] => {
  const groups = new Map<string, Message[]>()
  for (const message of messages) {
    const { page, before, id } = message
    // What was told alone goes on alone: its thread is where people look.
    const name = page.severity === 'ticket' && (!before || before.handle === undefined) ? `tickets ${page.state}` : id
    groups.set(name, [...(groups.get(name) ?? []), message])
  }
  return [...groups.values()].flatMap(group => (group.length > mostAlone ? [group] : group.map(message => [message])))
}

/** For those who take one at a time, and for those who take any number. */
export const oneByOne = (messages: readonly Message[]): Message[][] => messages.map(message => [message])
export const allAtOnce = (messages: readonly Message[]): Message[][] => (messages.length > 0 ? [[...messages]] : [])
