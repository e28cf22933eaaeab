/** What happens in the store, to all of this process that want to know: one reader for any number of listeners. */

import type { StoredEvent } from '../store/events.ts'
import { followEvents } from '../store/follow-events.ts'
import type { Store } from '../store/store.ts'
import { openBell } from './bell.ts'

export type EventFeed = {
  /** Called with what is new, each event once; also every so often with nothing, since signals may get lost. */
  subscribe(listener: (events: readonly StoredEvent[]) => void): () => void
  close(): Promise<void>
}

export const openFeed = async (
  store: Pick<Store, 'read' | 'onEvents'>,
  pollMs: number,
  failed: (error: unknown) => void,
): Promise<EventFeed> => {
  const follower = await followEvents(store)
  const listeners = new Set<(events: readonly StoredEvent[]) => void>()
  const bell = openBell()
  const unsubscribe = store.onEvents(bell.ring)
  const run = async (): Promise<void> => {
    while (await bell.wait(pollMs))
      try {
        const events = await follower.next()
        for (const listener of listeners) listener(events)
      } catch (error) {
        failed(error)
      }
  }
  const running = run()
  return {
    subscribe: listener => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    close: async () => {
      unsubscribe()
      bell.close()
      await running
    },
  }
}
