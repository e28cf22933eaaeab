import type { Lease } from '../store/leases.ts'
import { type StoreOptions, toThread } from '../store/open.ts'
import { keepWorker, programBeside } from '../threads/keep.ts'
import type { HistoryAnswer } from './ask.ts'
import type { PathBaseline, Time } from './baseline.ts'
import type { HistoryQuestion } from './question.ts'
import type { ReaderCalls, ReaderState, ReaderWorkerData, UpkeepTimes } from './reader-program.ts'
import { defaultKeepFor, type KeepFor } from './upkeep.ts'

export type ReaderOptions = {
  /** The store must have been opened by this process. */
  readonly store: StoreOptions
  readonly keepFor?: KeepFor
  /** Without it 80 % of the disk for an embedded store and its copies, and no limit for a server's. */
  readonly limitBytes?: number
  readonly times?: UpkeepTimes
  readonly random: () => number
  readonly onTrouble?: (why: Error) => void
}

export type Reader = {
  /** Rejects with `WorkerAway` while the worker is not there, or when it takes too long. */
  query(question: HistoryQuestion): Promise<HistoryAnswer>
  /** Of an agent's paths; without what was within times of `except`. */
  baselines(agent: string, nowMs: number, except?: readonly Time[]): Promise<PathBaseline[]>
  /** From now on it looks after the store under this lease; undefined: not any more. Made to be `onChange` of `seekLeadership`. */
  lead(lease: Lease | undefined): void
  /** Undefined while the worker is not there. */
  state(): Promise<ReaderState | undefined>
  readonly ready: Promise<void>
  readonly starts: number
  close(): Promise<void>
}

const defaultTimes: UpkeepTimes = { everyMs: 60_000, backupMs: 3_600_000 }
const queryMs = 60_000
const closeMs = 20_000

/** The thread that reads history, so that no other has to decode it; and does the leader's upkeep. Started again whenever it ends. */
export const startReader = (options: ReaderOptions): Reader => {
  const { store, keepFor = defaultKeepFor, limitBytes, times = defaultTimes, random, onTrouble } = options
  let lease: Lease | undefined
  const data: ReaderWorkerData = { store: toThread(store), keepFor, limitBytes, times }
  const tell = (): void => void worker.call('lead', lease).catch(() => {})
  const worker = keepWorker<ReaderCalls>({
    program: programBeside(import.meta.url, 'reader-program'),
    data: () => data,
    random,
    onReady: tell,
    ...(onTrouble && { onEnd: onTrouble }),
  })
  return {
    query: question => worker.call('ask', question, queryMs),
    baselines: (agent, nowMs, except) => worker.call('baselines', { agent, nowMs, ...(except && { except }) }, queryMs),
    lead: next => {
      lease = next
      tell()
    },
    state: () => worker.call('state', undefined).catch(() => undefined),
    ready: worker.ready,
    get starts() {
      return worker.starts
    },
    close: () => worker.stop('close', closeMs),
  }
}
