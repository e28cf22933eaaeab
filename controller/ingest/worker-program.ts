/**
 * The worker of ingest: the one thread that inflates, decodes, commits and merges. `startIngestWorker` (start.ts) runs it. It ends when it can't be sure of
 * what it knows, and the next one begins with what is in the store.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { dropLease } from '../store/leases.ts'
import { openInThread, type ThreadStore } from '../store/open.ts'
import { dropReceived, listReceived } from '../store/received.ts'
import { serveCalls } from '../threads/calls.ts'
import { type Assigned, openAssignments } from './assignments.ts'
import { commitTo } from './commit.ts'
import { type Delivery, refuse } from './delivery.ts'
import { openFlush } from './flush.ts'
import { Ingest, type IngestCounts, type IngestLimits } from './ingest.ts'
import { dropLedger, keepLease, openLedger } from './ledger.ts'
import { OwnedPaths } from './owned-paths.ts'
import { beginHold, holdMs, takeOver } from './take-over.ts'

/** How long a minute waits for what is late, and how often it is shown before. */
export type MinuteTimes = { readonly graceMs: number; readonly showMs: number }
export type IngestWorkerData = {
  readonly store: ThreadStore
  readonly holder: string
  /** Workers of this process that have ended. */
  readonly before: readonly string[]
  readonly limits: IngestLimits
  readonly times: MinuteTimes
}
export type IngestState = {
  readonly counts: IngestCounts
  readonly openBytes: number
  /** Minutes that wait for the store. */
  readonly waitingMinutes: number
  /** Batches that were read again at the start, and since of other replicas. */
  readonly recovered: number
}

const { store: options, holder, before, limits, times } = workerData as IngestWorkerData
const tickMs = Math.min(1000, times.showMs)
const [renewMs, refreshMs, takeOverMs, forgetMs] = [5000, 5000, 15_000, 600_000]

const store = await openInThread(options)
const lease = await beginHold(store, holder)
const ledger = openLedger(store, lease)
const owned = new OwnedPaths()
const assignments = openAssignments(store, owned)
const ingest = new Ingest({
  owns: (agent, labels, nowMs) => owned.owns(agent, labels, nowMs),
  nowMs: Date.now,
  commit: commitTo(ledger, holder),
  limits,
})
const flush = openFlush(ingest, ledger, holder)
// One file has one controller, and that has one of these.
const hasEnded = (other: string): boolean => store.kind === 'sqlite' || before.includes(other)
let recovered = 0
const recover = async (): Promise<void> => {
  recovered += await takeOver({ store, ingest, ledger, holder, hasEnded })
}

await assignments.refresh()
for (const { agentId, boot, ranges, atMs } of await store.read(listReceived))
  ingest.received.load({ agent: agentId, boot, lastMs: atMs, ranges: ranges.flatMap(({ first, last }) => [first, last]) })
await recover()

let isClosing = false
/** What is not done because the store is away is done the next time; a lost lease ends the worker. */
const attempt = async (work: () => Promise<unknown>): Promise<void> => {
  try {
    await work()
  } catch (error) {
    if (error instanceof Error && error.name === 'LeaseLost') throw error
  }
}
const renewing = (async () => {
  while (!isClosing) {
    await attempt(() => keepLease(store, lease, holdMs))
    await sleep(renewMs, undefined, { ref: false })
  }
})()
/** Minutes are closed and shown by this loop alone, so that none is shown after it was closed. */
const ticking = (async () => {
  const due = new Map<() => Promise<unknown>, { everyMs: number; lastMs: number }>()
  const every = (everyMs: number, work: () => Promise<unknown>) => due.set(work, { everyMs, lastMs: performance.now() })
  every(tickMs, () => flush.close(Date.now() - times.graceMs))
  every(times.showMs, () => flush.show())
  every(refreshMs, () => assignments.refresh())
  every(takeOverMs, recover)
  every(forgetMs, async () => {
    ingest.forget()
    await store.write(sql => dropReceived(sql, Date.now()), { idempotent: true })
  })
  while (!isClosing) {
    for (const [work, one] of due) {
      if (performance.now() - one.lastMs < one.everyMs) continue
      await attempt(work)
      one.lastMs = performance.now()
    }
    await sleep(tickMs)
  }
})()

/** All that waits is answered, all that is open is stored; what could not be is read again by the next one. */
const close = async (): Promise<void> => {
  isClosing = true
  await ingest.settled()
  await ticking
  await attempt(() => flush.close(Number.POSITIVE_INFINITY))
  await attempt(async () => {
    if (flush.waiting > 0) return
    await store.write(
      async sql => {
        await dropLedger(sql, lease)
        await dropLease(sql, lease.name)
      },
      { idempotent: true },
    )
  })
  await store.close()
}

const calls = {
  receive: (delivery: Delivery) => (isClosing ? refuse(503, 'the controller is ending', 5) : ingest.receive(delivery)),
  assign: (all: readonly Assigned[]) => assignments.assign(all),
  refresh: () => assignments.refresh(),
  state: (): IngestState => ({ counts: ingest.counts, openBytes: ingest.openBytes, waitingMinutes: flush.waiting, recovered }),
  close,
}
export type IngestCalls = typeof calls
for (const running of [renewing, ticking])
  running.catch((error: unknown) => {
    process.nextTick(() => {
      throw error
    })
  })
serveCalls(parentPort!, calls)
