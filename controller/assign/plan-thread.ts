/** The program of the planning thread. */
import { parentPort } from 'node:worker_threads'
import type { PlanAnswer, PlanRequest } from './planner.ts'
import { startPlanning } from './planning.ts'

const planning = startPlanning()

parentPort!.on('message', (request: PlanRequest) => {
  const answer: PlanAnswer =
    'question' in request ? { planned: planning.plan(request.question) } : { bodies: planning.bodies(request.generation, request.agentIds) }
  parentPort!.postMessage(answer)
})
