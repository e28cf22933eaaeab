/** Functions of a worker that another thread calls: one message there, one back. */
import type { MessagePort, Worker } from 'node:worker_threads'

export type Calls = Readonly<Record<string, (input: never) => unknown>>
type Name<C extends Calls> = keyof C & string
export type InputOf<C extends Calls, N extends Name<C>> = Parameters<C[N]>[0]
export type ResultOf<C extends Calls, N extends Name<C>> = Awaited<ReturnType<C[N]>>

type Question = { readonly number: number; readonly name: string; readonly input: unknown }
type Reply = { readonly number: number; readonly value?: unknown; readonly problem?: Thrown }
type Thrown = { readonly name: string; readonly message: string }
/** What a worker says once it can be called. */
const ready = 'ready'

/** The worker was not there, ended, or did not answer in time: whether it did what was asked is not known. */
export class WorkerAway extends Error {
  override name = 'WorkerAway'
}

export const serveCalls = (port: MessagePort, calls: Calls): void => {
  const answer = async ({ number, name, input }: Question): Promise<void> => {
    let reply: Reply
    try {
      reply = { number, value: await calls[name]!(input as never) }
    } catch (error) {
      const { name, message } = error instanceof Error ? error : new Error(String(error))
      reply = { number, problem: { name, message } }
    }
    port.postMessage(reply)
  }
  port.on('message', (question: Question) => void answer(question))
  port.postMessage(ready)
}

export type Remote<C extends Calls> = {
  /** Resolves when it can be called, rejects with `WorkerAway` when it ended before. */
  readonly ready: Promise<void>
  /** Rejects with `WorkerAway`, or with an error that has the name and the message of the one that was thrown there. */
  call<N extends Name<C>>(name: N, input: InputOf<C, N>, timeoutMs?: number): Promise<ResultOf<C, N>>
}

const asThrown = ({ name, message }: Thrown): Error => Object.assign(new Error(message), { name })

type Waiting = { resolve(value: unknown): void; reject(error: Error): void; timer: NodeJS.Timeout | undefined }

export const connectCalls = <C extends Calls>(worker: Worker): Remote<C> => {
  const waiting = new Map<number, Waiting>()
  const begun = Promise.withResolvers<void>()
  begun.promise.catch(() => {})
  let [last, hasEnded] = [0, false]
  const settle = (number: number, how: (one: Waiting) => void): void => {
    const one = waiting.get(number)
    if (!one) return
    waiting.delete(number)
    clearTimeout(one.timer)
    how(one)
  }
  worker.on('message', (message: Reply | typeof ready) => {
    if (message === ready) begun.resolve()
    else settle(message.number, one => (message.problem === undefined ? one.resolve(message.value) : one.reject(asThrown(message.problem))))
  })
  worker.once('exit', () => {
    hasEnded = true
    const away = new WorkerAway('the worker has ended')
    begun.reject(away)
    for (const number of [...waiting.keys()]) settle(number, one => one.reject(away))
  })
  return {
    ready: begun.promise,
    call: <N extends Name<C>>(name: N, input: InputOf<C, N>, timeoutMs?: number) => {
      if (hasEnded) return Promise.reject(new WorkerAway('the worker has ended'))
      const number = ++last
      return new Promise<ResultOf<C, N>>((resolve, reject) => {
        const late = (): void => settle(number, one => one.reject(new WorkerAway(`no answer within ${timeoutMs} ms`)))
        const timer = timeoutMs === undefined ? undefined : setTimeout(late, timeoutMs)
        waiting.set(number, { resolve: value => resolve(value as ResultOf<C, N>), reject, timer })
        worker.postMessage({ number, name, input } satisfies Question)
      })
    },
  }
}
