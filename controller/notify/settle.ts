/** What became of messages that a receiver took or refused, in one transaction. */
import type { Receiver } from '../../wire/fleet-alerts.ts'
import { dropDelivery, markSentAgain, putDelivery } from '../store/deliveries.ts'
import { type Outgoing, settleOutgoing } from '../store/outbox.ts'
import type { Sql } from '../store/sql.ts'
import type { Store } from '../store/store.ts'
import type { Answer, Means, Message } from './message.ts'

type Around = { name: string; store: Pick<Store, 'write'>; means: Pick<Means, 'nowMs'> }
type Settled = { receiver: Receiver; group: readonly Message[]; outgoing: ReadonlyMap<string, Outgoing>; answer: Answer }

export const settle = async ({ name, store, means }: Around, { group, outgoing, answer }: Settled): Promise<void> => {
  const nowMs = means.nowMs()
  const recorded = group.filter(({ event }) => event !== 'watchdog' && event !== 'test')
  await store.write(
    async sql => {
      for (const message of recorded) {
        const news = outgoing.get(message.id)
        if (news) await settleOutgoing(sql, news)
        if (answer.kind === 'taken')
          await record(sql, { receiver: name, message, isNews: news !== undefined, isAlone: group.length === 1, nowMs, answer })
        // It would be refused for ever.
        else if (!news) await dropDelivery(sql, name, message.key)
      }
      for (const { id, event } of group) {
        const asked = outgoing.get(id)
        if (asked && (event === 'watchdog' || event === 'test')) await settleOutgoing(sql, asked)
      }
    },
    { idempotent: true },
  )
}

type Told = {
  receiver: string
  message: Message
  isNews: boolean
  isAlone: boolean
  nowMs: number
  answer: Extract<Answer, { kind: 'taken' }>
}

const record = async (sql: Sql, { receiver, message, isNews, isAlone, nowMs, answer }: Told): Promise<void> => {
  const { id, key, version, page, before } = message
  // A message of several incidents is not one of theirs to change.
  const handle = (isAlone ? answer.handle : undefined) ?? before?.handle
  if (!isNews && handle === before?.handle) return await markSentAgain(sql, receiver, [key], nowMs)
  await putDelivery(sql, {
    ...{ receiver, key, id: isNews ? id : (before?.id ?? id), version, page, ...(handle !== undefined && { handle }) },
    ...{ firstMs: before?.firstMs ?? nowMs, saidMs: isNews ? nowMs : (before?.saidMs ?? nowMs), sentMs: nowMs },
  })
}
