/** What a running simulation is asked from another terminal: one JSON object a line over a Unix socket, answered by one. */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import type { FaultState } from '../../deploy/sim/clouds/playing.ts'

export type Question = { ask: 'status' } | { ask: 'fault'; name: string; on: boolean }
export type Machine = { name: string; what: string; where: string; address: string }
export type SimStatus = { pid: number; startedMs: number; url: string; folder: string; machines: Machine[]; faults: FaultState[] }
export type Reply = { status?: SimStatus; fault?: FaultState; problem?: string }

/** Listens until it is closed. A question that can't be answered is answered with the problem. */
export const serveControl = async (path: string, answer: (question: Question) => Promise<Reply>): Promise<Server> => {
  const server = createServer(socket => {
    socket.on('error', () => {})
    createInterface({ input: socket }).once('line', line => void reply(socket, line, answer))
  })
  server.listen(path)
  await once(server, 'listening')
  return server.unref()
}

const reply = async (socket: Socket, line: string, answer: (question: Question) => Promise<Reply>): Promise<void> => {
  const said = await Promise.resolve()
    .then(() => answer(JSON.parse(line) as Question))
    .catch((error: unknown) => ({ problem: error instanceof Error ? error.message : String(error) }))
  socket.end(`${JSON.stringify(said)}\n`)
}

const answerWithinMs = 15_000

/** Undefined: no simulation runs there. */
export const askSimulation = async (path: string, question: Question): Promise<Reply | undefined> => {
  const socket = connect(path)
  try {
    await once(socket, 'connect')
  } catch {
    return undefined
  }
  socket.write(`${JSON.stringify(question)}\n`)
  socket.setTimeout(answerWithinMs, () => socket.destroy())
  socket.on('error', () => {})
  for await (const line of createInterface({ input: socket })) {
    socket.destroy()
    return JSON.parse(line) as Reply
  }
  return { problem: 'the simulation did not answer' }
}
