/** Minutes that ended become history; minutes that go on are shown as they are so far. */
import { setImmediate as turn } from 'node:timers/promises'
import { finishBatches, finishMinute } from '../store/batches.ts'
import { appendHistory } from '../store/history.ts'
import { dropOpenMinute, putOpenMinute } from '../store/open-history.ts'
import type { Sql } from '../store/sql.ts'
import type { Ingest } from './ingest.ts'
import type { Ledger } from './ledger.ts'
import { type ClosedMinute, minuteMs } from './open-minutes.ts'

/** Agents per transaction: each costs some 2 ms of encoding, and requests are answered in between. */
const perTransaction = 16

export type Flush = {
  /** Stores the minutes that ended by `endMs`. Rejects when the store did not take them: they are kept, and go first the next time. */
  close(endMs: number): Promise<void>
  /** Stores what is known of the others. */
  show(): Promise<void>
  /** Minutes that were closed and could not be stored yet. */
  readonly waiting: number
}

export const openFlush = (ingest: Ingest, ledger: Ledger, holder: string): Flush => {
  const waiting: ClosedMinute[] = []
  const store = async (): Promise<void> => {
    while (waiting.length > 0) {
      const minutes = waiting.slice(0, perTransaction)
      await ledger(async sql => {
        for (const minute of minutes) await writeMinute(sql, holder, minute)
      })
      waiting.splice(0, minutes.length)
      await turn()
    }
  }
  return {
    close: async endMs => {
      await store()
      for (const minute of ingest.closeMinutes(endMs)) {
        waiting.push(minute)
        if (waiting.length >= perTransaction) await store()
      }
      await store()
    },
    show: async () => {
      for (const minutes of inChunks(ingest.openMinutes(), perTransaction)) {
        await ledger(async sql => {
          for (const minute of minutes) await putOpenMinute(sql, holder, minute)
        })
        await turn()
      }
    },
    get waiting() {
      return waiting.length
    },
  }
}

const writeMinute = async (sql: Sql, holder: string, { agent, startMs, spanMs, blob, finished, partly }: ClosedMinute): Promise<void> => {
  await appendHistory(sql, { agentId: agent, resolutionMs: spanMs, startMs }, blob)
  await dropOpenMinute(sql, holder, { agent, startMs })
  await finishBatches(sql, finished)
  await finishMinute(sql, partly, startMs / minuteMs)
}

function* inChunks<T>(all: Iterable<T>, size: number): Generator<T[]> {
  let chunk: T[] = []
  for (const one of all)
    if (chunk.push(one) === size) {
      yield chunk
      chunk = []
    }
  if (chunk.length > 0) yield chunk
}
