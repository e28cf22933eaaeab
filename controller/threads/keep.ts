import { setTimeout as sleep } from 'node:timers/promises'
import { type ResourceLimits, Worker } from 'node:worker_threads'
import { type Calls, connectCalls, type InputOf, type Remote, type ResultOf, WorkerAway } from './calls.ts'

export type KeepOptions = {
  /** Its program; of `.ts` in a checkout and `.js` in the package. */
  readonly program: URL
  /** What it begins with; asked for at every start. */
  readonly data: () => unknown
  readonly resourceLimits?: ResourceLimits
  /** From 0 to 1, for the pauses between starts. */
  readonly random: () => number
  /** Each time it can be called. */
  readonly onReady?: () => void
  /** Each time it ended by itself, with why. */
  readonly onEnd?: (why: Error) => void
}

export type KeptWorker<C extends Calls> = {
  /** Rejects with `WorkerAway` at once while it is not there. */
  call<N extends keyof C & string>(name: N, input: InputOf<C, N>, timeoutMs?: number): Promise<ResultOf<C, N>>
  /** How often it was started. */
  readonly starts: number
  readonly isReady: boolean
  /** Resolves when it can be called for the first time. */
  readonly ready: Promise<void>
  /** No further start; asks it with `last` to end, and ends it after `timeoutMs` whatever it does. */
  stop(last: (keyof C & string) | undefined, timeoutMs: number): Promise<void>
}

const [leastPauseMs, mostPauseMs] = [100, 10_000]

/** A worker that is started again when it ends: at first at once, then after pauses that double up to 10 s. */
export const keepWorker = <C extends Calls>({ program, data, resourceLimits, random, onReady, onEnd }: KeepOptions): KeptWorker<C> => {
  const stopping = new AbortController()
  const firstReady = Promise.withResolvers<void>()
  firstReady.promise.catch(() => {})
  let current: { worker: Worker; remote: Remote<C>; isReady: boolean } | undefined
  let [starts, failures] = [0, 0]
  const runOnce = async (): Promise<void> => {
    starts++
    const worker = new Worker(program, { workerData: data(), ...(resourceLimits && { resourceLimits }) })
    const mine = { worker, remote: connectCalls<C>(worker), isReady: false }
    current = mine
    let why: Error | undefined
    worker.on('error', (error: Error) => {
      why = error
    })
    mine.remote.ready.then(
      () => {
        mine.isReady = true
        failures = 0
        firstReady.resolve()
        onReady?.()
      },
      () => {},
    )
    const code = await new Promise<number>(resolve => void worker.once('exit', resolve))
    current = undefined
    if (!stopping.signal.aborted) onEnd?.(why ?? new Error(`the worker ended with code ${code}`))
  }
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await runOnce()
      const pauseMs = Math.min(mostPauseMs, leastPauseMs * 2 ** failures++) * (0.5 + random() / 2)
      await sleep(pauseMs, undefined, { signal: stopping.signal }).catch(() => {})
    }
    firstReady.reject(new WorkerAway('stopped before it began'))
  }
  const running = run()
  return {
    call: (name, input, timeoutMs) =>
      current?.isReady ? current.remote.call(name, input, timeoutMs) : Promise.reject(new WorkerAway('the worker is not there')),
    get starts() {
      return starts
    },
    get isReady() {
      return current?.isReady ?? false
    },
    ready: firstReady.promise,
    stop: async (last, timeoutMs) => {
      stopping.abort()
      const mine = current
      if (mine && last !== undefined && mine.isReady)
        await mine.remote.call(last, undefined as InputOf<C, typeof last>, timeoutMs).catch(() => {})
      await mine?.worker.terminate()
      await running
    },
  }
}

/** The program beside a module, in the language that the module is in. */
export const programBeside = (moduleUrl: string, name: string): URL =>
  new URL(`./${name}.${moduleUrl.endsWith('.ts') ? 'ts' : 'js'}`, moduleUrl)
