/**
 * Both ends of the channel between the thread that speaks HTTP and the one that inflates, decodes, commits and merges. That one is a worker whose program opens
 * the store's writing connection, makes an `Ingest` of it, and calls `serveIngest(parentPort, ingest)`.
 */
import type { MessagePort, Worker } from 'node:worker_threads'
import type { OtlpAnswer } from '../../wire/otlp-answer.ts'
import { type Delivery, refuse } from './delivery.ts'
import type { Ingest, IngestCounts } from './ingest.ts'

type Question = { readonly number: number; readonly delivery?: Delivery }
type Reply = { readonly number: number; readonly answer?: OtlpAnswer; readonly counts?: IngestCounts }

/** Requests that come while a group is being committed are the next group. */
export const serveIngest = (port: MessagePort, ingest: Ingest): void => {
  port.on('message', ({ number, delivery }: Question) => {
    const reply = (answer: Omit<Reply, 'number'>): void => port.postMessage({ number, ...answer } satisfies Reply)
    if (!delivery) reply({ counts: ingest.counts })
    else void ingest.receive(delivery).then(answer => reply({ answer }))
  })
}

export type RemoteIngest = {
  /** Resolves after the commit; never rejects. */
  receive(delivery: Delivery): Promise<OtlpAnswer>
  counts(): Promise<IngestCounts | undefined>
}

/** The requests that wait when the worker ends are to come again: whether they were committed is found out by their sequence. */
export const connectIngest = (worker: Worker): RemoteIngest => {
  const waiting = new Map<number, (reply: Reply) => void>()
  let [last, hasEnded] = [0, false]
  const ask = (delivery?: Delivery): Promise<Reply> => {
    const number = ++last
    if (hasEnded) return Promise.resolve({ number, answer: lost })
    const { promise, resolve } = Promise.withResolvers<Reply>()
    waiting.set(number, resolve)
    worker.postMessage({ number, delivery } satisfies Question)
    return promise
  }
  worker.on('message', (reply: Reply) => {
    waiting.get(reply.number)?.(reply)
    waiting.delete(reply.number)
  })
  worker.once('exit', () => {
    hasEnded = true
    for (const [number, resolve] of waiting) resolve({ number, answer: lost })
    waiting.clear()
  })
  return {
    receive: async delivery => (await ask(delivery)).answer ?? lost,
    counts: async () => (await ask()).counts,
  }
}

const lost = refuse(503, 'ingest has ended', 5)
