/** A notification that is of nothing, told at once and beside the outbox: whoever asks waits for what the receiver answers. */
import type { Receiver } from '../../wire/fleet-alerts.ts'
import type { Answer, Means } from './message.ts'
import { testPage } from './own-pages.ts'
import { send } from './receivers.ts'

export type Tested = { receiver: string; type: Receiver['type']; outcome: Answer['kind']; detail: string; tookMs: number }

export const testReceiver = async (receiver: Receiver, { askedBy, id }: { askedBy: string; id: string }, means: Means): Promise<Tested> => {
  const { name, type } = receiver
  const startedMs = performance.now()
  const at = means.nowMs()
  const page = testPage(name, askedBy, id, at)
  const { kind, detail } = await send(receiver, [{ id, key: page.key, version: 1, event: 'test', page, at }], means)
  return { receiver: name, type, outcome: kind, detail, tookMs: Math.round(performance.now() - startedMs) }
}
