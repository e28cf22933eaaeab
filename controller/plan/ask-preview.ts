/** `preview` in a thread of its own: for ten thousand agents it takes seconds, in which this one answers others. What is done in a blink is not worth a thread. */
import { Worker } from 'node:worker_threads'
import { type Preview, type PreviewQuestion, preview } from './preview.ts'

/** In a build the program is JavaScript. */
const program = new URL(`./preview-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)

/** Some 50 ms of planning, and as much of reading. */
const smallFleet = { agents: 200, objects: 500, textLength: 32_768 }
const isSmall = ({ text, documents, agents }: PreviewQuestion): boolean =>
  agents.length <= smallFleet.agents &&
  text.length <= smallFleet.textLength &&
  documents.reduce((sum, { targets, checks, links }) => sum + targets.length + checks.length + links.length, 0) <= smallFleet.objects

/** Rejects when the signal says so, and when the thread fails, which is a fault of this program. */
export const askPreview = async (question: PreviewQuestion, stop: AbortSignal): Promise<Preview> => {
  stop.throwIfAborted()
  if (isSmall(question)) return preview(question)
  const worker = new Worker(program, { workerData: question })
  const { promise, resolve, reject } = Promise.withResolvers<Preview>()
  const end = (): void => reject(stop.reason)
  stop.addEventListener('abort', end, { once: true })
  worker.once('message', resolve)
  worker.once('error', reject)
  worker.once('exit', code => reject(new Error(`the preview ended with ${code}`)))
  try {
    return await promise
  } finally {
    stop.removeEventListener('abort', end)
    await worker.terminate()
  }
}

/** One at a time: each takes a core. */
export const oneAtATime = <A, R>(work: (argument: A) => Promise<R>): ((argument: A) => Promise<R>) => {
  let last: Promise<unknown> = Promise.resolve()
  return argument => {
    const next = last.then(() => work(argument))
    last = next.catch(() => {})
    return next
  }
}
