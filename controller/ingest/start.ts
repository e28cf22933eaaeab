import type { OtlpAnswer } from '../../wire/otlp-answer.ts'
import type { AssignedPaths } from '../store/assigned.ts'
import { type StoreOptions, toThread } from '../store/open.ts'
import { WorkerAway } from '../threads/calls.ts'
import { keepWorker, programBeside } from '../threads/keep.ts'
import type { Assigned } from './assignments.ts'
import { type Delivery, refuse } from './delivery.ts'
import { defaultIngestLimits, type IngestLimits } from './ingest.ts'
import type { IngestCalls, IngestState, IngestWorkerData, MinuteTimes } from './worker-program.ts'

export type IngestWorkerOptions = {
  /** The store must have been opened by this process. */
  readonly store: StoreOptions
  readonly limits?: IngestLimits
  readonly times?: MinuteTimes
  readonly random: () => number
  /** An id that nobody has had. */
  readonly newId: () => string
  readonly onTrouble?: (why: Error) => void
}

export type IngestWorker = {
  /** Resolves after the commit; never rejects. 503 while the worker is not there, or does not answer in time. */
  receive(delivery: Delivery): Promise<OtlpAnswer>
  /**
   * The paths that an agent has from now on and no others. Resolves when it is stored, however long that takes: then the agent may be told. What it had before
   * is taken for another 27 hours.
   */
  setPaths(agentId: string, paths: AssignedPaths, atMs: number): Promise<void>
  /** Agents have other paths in the store: looks now. Otherwise it finds out within seconds. */
  refresh(): void
  /** Undefined while the worker is not there. */
  state(): Promise<IngestState | undefined>
  /** Resolves when it takes batches for the first time, with all that was committed before. */
  readonly ready: Promise<void>
  readonly isReady: boolean
  readonly starts: number
  /** Answers all that waits, and stores what is open. */
  close(): Promise<void>
}

const defaultTimes: MinuteTimes = { graceMs: 15_000, showMs: 10_000 }
/** Longer than a store is waited for (postgres.ts). */
const answerMs = 15_000
const closeMs = 20_000
const assignPauseMs = 500

/** The thread that takes agents' data, started again whenever it ends. */
export const startIngestWorker = (options: IngestWorkerOptions): IngestWorker => {
  const { store, limits = defaultIngestLimits, times = defaultTimes, random, newId, onTrouble } = options
  const before: string[] = []
  let waitingBytes = 0
  const data = (): IngestWorkerData => {
    const holder = newId()
    const all = [...before]
    before.push(holder)
    return { store: toThread(store), holder, before: all, limits, times }
  }
  const worker = keepWorker<IngestCalls>({
    program: programBeside(import.meta.url, 'worker-program'),
    data,
    random,
    ...(onTrouble && { onEnd: onTrouble }),
  })
  const assigning = assignInTurn(all => worker.call('assign', all), onTrouble)
  return {
    receive: async delivery => {
      const bytes = delivery.body.length
      // Before it is copied to the worker: those that wait there have their place.
      if (waitingBytes + bytes > limits.waitingBytes) return refuse(503, 'too much is waiting to be stored', 5)
      waitingBytes += bytes
      try {
        return await worker.call('receive', ownBytes(delivery), answerMs)
      } catch (error) {
        if (error instanceof WorkerAway) return refuse(503, 'data cannot be stored at the moment', 5)
        throw error
      } finally {
        waitingBytes -= bytes
      }
    },
    setPaths: (agentId, paths, atMs) => assigning.add({ agentId, paths, atMs }),
    refresh: () => void worker.call('refresh', undefined).catch(() => {}),
    state: () => worker.call('state', undefined).catch(() => undefined),
    ready: worker.ready,
    get isReady() {
      return worker.isReady
    },
    get starts() {
      return worker.starts
    },
    close: async () => {
      assigning.stop()
      await worker.stop('close', closeMs)
    },
  }
}

/** A view of a larger buffer would take all of that along. */
const ownBytes = (delivery: Delivery): Delivery =>
  delivery.body.byteLength === delivery.body.buffer.byteLength ? delivery : { ...delivery, body: Uint8Array.from(delivery.body) }

/** Of what waits for an agent only the last counts. Tries until the worker and the store are there. */
const assignInTurn = (send: (all: readonly Assigned[]) => Promise<void>, onTrouble?: (why: Error) => void) => {
  let waiting = new Map<string, Assigned>()
  let next = Promise.withResolvers<void>()
  let [isRunning, isStopped] = [false, false]
  const run = async (): Promise<void> => {
    while (waiting.size > 0 && !isStopped) {
      const [all, done] = [waiting, next]
      waiting = new Map()
      next = Promise.withResolvers<void>()
      try {
        await send([...all.values()])
        done.resolve()
      } catch (error) {
        if (!(error instanceof WorkerAway)) onTrouble?.(error as Error)
        for (const [agent, one] of all) if (!waiting.has(agent)) waiting.set(agent, one)
        next.promise.then(done.resolve, done.reject)
        await new Promise(resolve => setTimeout(resolve, assignPauseMs))
      }
    }
    isRunning = false
  }
  return {
    add: (one: Assigned): Promise<void> => {
      waiting.set(one.agentId, one)
      const { promise } = next
      if (!isRunning) {
        isRunning = true
        // What comes within this turn goes along.
        queueMicrotask(() => void run())
      }
      return promise
    },
    stop: () => {
      isStopped = true
    },
  }
}
