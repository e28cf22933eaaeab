/** Lanes over a store of their own, with a clock that moves by hand. */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import type { Test } from 'tap'
import { openCounters } from '../../../controller/metrics.ts'
import { type Lane, type LaneOptions, openLane } from '../../../controller/notify/lane.ts'
import type { Means } from '../../../controller/notify/message.ts'
import { enqueue } from '../../../controller/store/outbox.ts'
import { openSqlite } from '../../../controller/store/sqlite.ts'
import type { Store } from '../../../controller/store/store.ts'
import type { Receiver } from '../../../wire/fleet-alerts.ts'
import type { Notification } from '../../../wire/page.ts'
import { defaultsOf, type ReceiverOf } from './receivers.ts'

export const startMs = Date.UTC(2026, 10, 21, 3, 5, 20)

export type Notifying = {
  store: Store
  clock: { ms: number }
  /** Lines of the log, as they are written. */
  logged: string[]
  printed: string[]
  counters: ReturnType<typeof openCounters>
  environment: Record<string, string>
  means: Means
  lane(receiver: ReceiverOf, more?: Partial<LaneOptions>): Lane
  tell(names: readonly string[], notification: Notification): Promise<void>
}

export const openNotifying = async (t: Test, more: Partial<Means> = {}): Promise<Notifying> => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-notify-'))
  const store = await openSqlite({ path: join(directory, 'controller.db') })
  t.teardown(async () => {
    await store.close()
    rmSync(directory, { recursive: true, force: true })
  })
  const clock = { ms: startMs }
  const [logged, printed]: [string[], string[]] = [[], []]
  const log = pino({ level: 'info' }, { write: (line: string) => void logged.push(line) })
  const environment: Record<string, string> = {}
  const means: Means = {
    nowMs: () => clock.ms,
    environment,
    readFile: path => readFile(path, 'utf8'),
    print: line => void printed.push(line),
    timeoutMs: 20_000,
    stop: new AbortController().signal,
    ...more,
  }
  const counters = openCounters()
  const lane: Notifying['lane'] = (given, options = {}) => {
    const receiver: Receiver = defaultsOf(given)
    return openLane({
      ...{ name: receiver.name, receiver: () => receiver, store, means, holder: randomUUID(), random: () => 0.5, log, counters },
      ...{ isLeader: () => true, isJudging: () => true },
      ...options,
    })
  }
  const tell: Notifying['tell'] = (names, notification) => store.write(sql => enqueue(sql, names, notification))
  return { store, clock, logged, printed, counters, environment, means, lane, tell }
}
