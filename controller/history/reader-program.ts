/** The worker that reads history, and looks after the store when this process is the leader. `startReader` (reader.ts) runs it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import type { Lease } from '../store/leases.ts'
import { openInThread, type ThreadStore } from '../store/open.ts'
import { serveCalls } from '../threads/calls.ts'
import { askHistory } from './ask.ts'
import { checkAndBackUp, roomFor } from './backup.ts'
import { type PathBaseline, readBaselines, type Time } from './baseline.ts'
import type { HistoryQuestion } from './question.ts'
import { type KeepFor, keepUp, type UpkeepReport } from './upkeep.ts'

export type UpkeepTimes = { readonly everyMs: number; readonly backupMs: number }
export type ReaderWorkerData = {
  readonly store: ThreadStore
  readonly keepFor: KeepFor
  /** Undefined: 80 % of the disk for an embedded store with its copies, no limit for a server's. */
  readonly limitBytes: number | undefined
  readonly times: UpkeepTimes
}
export type ReaderState = {
  /** Of the last time that it was done here. */
  readonly upkeep?: UpkeepReport & { readonly atMs: number }
  readonly backupMs?: number
  /** What the last check found. */
  readonly damage: readonly string[]
  /** Why the last upkeep or copy failed. */
  readonly problem?: string
}

const { store: options, keepFor, limitBytes, times } = workerData as ReaderWorkerData
const store = await openInThread(options)
let lease: Lease | undefined
let state: ReaderState = { damage: [] }
const stop = new AbortController()

const upkeep = async (held: Lease): Promise<void> => {
  const isStopped = (): boolean => stop.signal.aborted || lease !== held
  const limit = limitBytes ?? (await roomFor(store))
  const report = await keepUp({ store, lease: held, nowMs: Date.now(), keepFor, limitBytes: limit, isStopped })
  state = { ...state, upkeep: { ...report, atMs: Date.now() } }
}
const copy = async (): Promise<void> => {
  if (store.kind !== 'sqlite') return
  const damage = await checkAndBackUp(store)
  state = { ...state, damage, ...(damage.length === 0 && { backupMs: Date.now() }) }
}
const attempt = async (work: () => Promise<void>): Promise<void> => {
  try {
    await work()
    const { problem: _, ...rest } = state
    state = rest
  } catch (error) {
    state = { ...state, problem: error instanceof Error ? error.message : String(error) }
  }
}
const running = (async () => {
  let copiedMs = performance.now()
  while (!stop.signal.aborted) {
    await sleep(times.everyMs, undefined, { signal: stop.signal }).catch(() => {})
    const held = lease
    if (!held || stop.signal.aborted) continue
    await attempt(() => upkeep(held))
    if (performance.now() - copiedMs < times.backupMs || stop.signal.aborted) continue
    copiedMs = performance.now()
    await attempt(copy)
  }
})()

const parts = (nowMs: number) => ({ store, nowMs, keep: keepFor.history })
const calls = {
  ask: (question: HistoryQuestion) => askHistory(parts(Date.now()), question),
  baselines: ({ agent, except, nowMs }: { agent: string; except?: readonly Time[]; nowMs: number }): Promise<PathBaseline[]> =>
    readBaselines(parts(nowMs), agent, except),
  lead: (next: Lease | undefined) => {
    lease = next
  },
  state: () => state,
  close: async () => {
    stop.abort()
    await running
    await store.close()
  },
}
export type ReaderCalls = typeof calls
serveCalls(parentPort!, calls)
