/** One sender for each type of receiver, and what of each type differs; the compiler says which are missing. */
import type { Receiver } from '../../wire/fleet-alerts.ts'
import { sendAlertmanager } from './alertmanager.ts'
import { allAtOnce, groupTickets, oneByOne } from './group.ts'
import { type Answer, failed, type Means, type Message, type Send } from './message.ts'
import { sendPagerduty } from './pagerduty.ts'
import { ReceiverUnusable } from './secrets.ts'
import { sendSlack } from './slack.ts'
import { sendStdout } from './stdout.ts'
import { sendWebhook } from './webhook.ts'

type Type = Receiver['type']

const senders: { [T in Type]: () => Promise<Send<T>> } = {
  alertmanager: async () => sendAlertmanager,
  webhook: async () => sendWebhook,
  slack: async () => sendSlack,
  pagerduty: async () => sendPagerduty,
  // The only one that has a library, and few controllers send mail.
  email: async () => (await import('./email.ts')).sendEmail,
  stdout: async () => sendStdout,
}

export const grouping: { [T in Type]: (messages: readonly Message[]) => Message[][] } = {
  alertmanager: allAtOnce,
  webhook: oneByOne,
  slack: groupTickets,
  pagerduty: oneByOne,
  email: groupTickets,
  stdout: oneByOne,
}

/** Tells it and says what came of it. Never rejects but for faults of this program. */
export const send = async (receiver: Receiver, messages: readonly Message[], means: Means): Promise<Answer> => {
  const sender = (await senders[receiver.type]()) as Send<Type>
  try {
    return await sender(receiver as never, messages, means)
  } catch (error) {
    if (error instanceof ReceiverUnusable) return failed(error.message)
    throw error
  }
}
