/** Who is there and what it was sent, written down in batches: ten thousand agents that are heard of every ten seconds are one transaction a second. */
import { returnAgent, touchAgent } from '../store/agents.ts'
import { putGone, putSent } from '../store/standings.ts'
import type { Store } from '../store/store.ts'
import { openBell } from './bell.ts'

export type Presence = {
  /** It has asked for something; or its stream takes what is written to it, and it delivers nothing by which it is known. */
  seen(agentId: string): void
  sent(agentId: string, revision: string): void
  /** Its stream has begun. */
  here(agentId: string): void
  /** It asks what to do, without a stream. */
  asks(agentId: string): void
  /** Its stream has ended, and it has no other here. */
  gone(agentId: string): void
  /** Writes what waits. */
  close(): Promise<void>
}

/** An agent's time is written no more often. */
const touchEveryMs = 10_000
const perTransaction = 500

type Note = { seenMs?: number; sent?: { revision: string; atMs: number; times: number }; gone?: number | 'here'; isBack?: boolean }

export const openPresence = (
  store: Pick<Store, 'write'>,
  nowMs: () => number,
  { flushMs, failed }: { flushMs: number; failed: (error: unknown) => void },
): Presence => {
  let notes = new Map<string, Note>()
  const touched = new Map<string, number>()
  const noteOf = (agentId: string): Note => {
    const note = notes.get(agentId) ?? {}
    notes.set(agentId, note)
    return note
  }
  const seen = (agentId: string): void => {
    const now = nowMs()
    if (now - (touched.get(agentId) ?? Number.NEGATIVE_INFINITY) < touchEveryMs) return
    touched.set(agentId, now)
    noteOf(agentId).seenMs = now
  }
  const flush = async (): Promise<void> => {
    const due = [...notes]
    notes = new Map()
    for (let at = 0; at < due.length; at += perTransaction) {
      const batch = due.slice(at, at + perTransaction)
      try {
        await store.write(async sql => {
          for (const [agentId, note] of batch) await writeNote(sql, agentId, note)
        })
      } catch (error) {
        // What was said since is newer.
        for (const [agentId, note] of due.slice(at)) notes.set(agentId, { ...note, ...notes.get(agentId) })
        failed(error)
        return
      }
    }
  }
  const bell = openBell()
  const run = async (): Promise<void> => {
    while (await bell.wait(flushMs)) {
      await flush()
      const oldest = nowMs() - touchEveryMs
      for (const [agentId, atMs] of touched) if (atMs < oldest) touched.delete(agentId)
    }
    await flush()
  }
  const running = run()
  return {
    seen,
    sent: (agentId, revision) => {
      const note = noteOf(agentId)
      note.sent = { revision, atMs: nowMs(), times: note.sent?.revision === revision ? note.sent.times + 1 : 1 }
    },
    here: agentId => {
      seen(agentId)
      Object.assign(noteOf(agentId), { gone: 'here', isBack: true })
    },
    asks: agentId => {
      seen(agentId)
      noteOf(agentId).isBack = true
    },
    gone: agentId => {
      Object.assign(noteOf(agentId), { gone: nowMs(), isBack: false })
    },
    close: async () => {
      bell.close()
      await running
    },
  }
}

const writeNote = async (sql: Parameters<typeof touchAgent>[0], agentId: string, { seenMs, sent, gone, isBack }: Note): Promise<void> => {
  if (seenMs !== undefined) await touchAgent(sql, agentId, seenMs)
  if (isBack) await returnAgent(sql, agentId)
  for (let time = 0; sent && time < sent.times; time++) await putSent(sql, agentId, sent.revision, sent.atMs)
  if (gone !== undefined) await putGone(sql, agentId, gone === 'here' ? undefined : gone)
}
