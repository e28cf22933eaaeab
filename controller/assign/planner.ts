/** Planning beside the thread that speaks HTTP: ten thousand agents take a second or two. A few are planned on the spot, which spares the memory of a thread. */
import { once } from 'node:events'
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { type Planned, type PlanQuestion, startPlanning } from './planning.ts'

export type PlanRequest = { question: PlanQuestion } | { generation: number; agentIds: readonly string[] }
export type PlanAnswer = { planned: Planned[] } | { bodies: string[] }

/** One question at a time. Rejects when the thread has ended; the next question begins another. */
export type Planner = {
  plan(question: PlanQuestion): Promise<Planned[]>
  bodies(generation: number, agentIds: readonly string[]): Promise<string[]>
  close(): Promise<void>
}

/** Planning so many takes some 50 ms. */
const onTheSpot = 200

export const openPlanner = (threadAbove = onTheSpot): Planner => {
  const planning = startPlanning()
  let worker: Worker | undefined
  let isRemote = false
  const ask = async (request: PlanRequest): Promise<PlanAnswer> => {
    worker ??= startThread()
    const asked = worker
    const ended = new AbortController()
    // Who waits for an answer keeps the process.
    asked.ref()
    asked.postMessage(request)
    try {
      const exited = once(asked, 'exit', { signal: ended.signal }).then(() => Promise.reject(new Error('the planning thread has ended')))
      const [answer] = (await Promise.race([once(asked, 'message', { signal: ended.signal }), exited])) as [PlanAnswer]
      return answer
    } catch (error) {
      if (worker === asked) worker = undefined
      throw error
    } finally {
      asked.unref()
      ended.abort()
    }
  }
  return {
    plan: async question => {
      isRemote = question.agents.length > threadAbove
      return isRemote ? ((await ask({ question })) as { planned: Planned[] }).planned : planning.plan(question)
    },
    bodies: async (generation, agentIds) =>
      isRemote ? ((await ask({ generation, agentIds })) as { bodies: string[] }).bodies : planning.bodies(generation, agentIds),
    close: async () => {
      await worker?.terminate()
    },
  }
}

const startThread = (): Worker => {
  // It is `.js` where this is built.
  const worker = new Worker(new URL(`./plan-thread${extname(import.meta.filename)}`, import.meta.url))
  worker.unref()
  // Whoever asks hears of it; nobody else's fault.
  worker.on('error', () => {})
  return worker
}
