/** Starts a simulation on this machine and makes it reachable: by the commands of people over a port of loopback, by `probe sim` over a Unix socket. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DirectoryInUse, lockDirectory } from '../../agent/spool/lock.ts'
import { canSimulate } from '../../deploy/sim/can-simulate.ts'
import { startLocal } from '../../deploy/sim/clouds/local.ts'
import { type Playing, startPlaying } from '../../deploy/sim/clouds/playing.ts'
import { Secret } from '../../wire/secret.ts'
import { type Client, openClient } from '../controller-client.ts'
import type { Io } from '../io.ts'
import { writeLoginFile } from '../login-file.ts'
import { askSimulation, type Question, type Reply, type SimStatus, serveControl } from './control.ts'
import { listMachines } from './machines.ts'
import { accessFile, clearState, controlSocket, currentRun, makeStateFolder, stateFolder } from './state.ts'

/** In words for whoever started it. */
export class CannotSimulate extends Error {
  override name = 'CannotSimulate'
}

export type Simulation = { status(): SimStatus; client: Client; answer(question: Question): Promise<Reply>; close(): Promise<void> }
export type OpenOptions = {
  /** 0: any that is free. */ port: number
  io: Io
  /** Told once it is certain that nothing is in the way. */ onBegin: () => void
  say: (text: string) => void
  onEnd: (who: string, words: string) => void
}

const probe = [process.execPath, fileURLToPath(new URL('../probe.mjs', import.meta.url))]

/** Rejects with `CannotSimulate` where it can't be, with the signal's reason when it is stopped; either way nothing stays. */
export const openSimulation = async ({ port, io, onBegin, say, onEnd }: OpenOptions, stop: AbortSignal): Promise<Simulation> => {
  await using opened = new AsyncDisposableStack()
  await takeFolder(io, opened)
  const simulation = await canSimulate()
  if (!simulation.possible) throw new CannotSimulate(`this host can't simulate clouds: ${simulation.reason}`)
  const folder = makeRunFolder(io, opened)
  const doorway = await listenHere(port)
  opened.defer(() => void doorway.server.close())
  onBegin()
  const local = await startLocal({ folder, probe, now: () => io.now().getTime(), say, onEnd }, stop)
  opened.defer(local.stop)
  doorway.open(local.door)
  const url = `https://127.0.0.1:${doorway.port}`
  const token = new Secret(local.adminToken)
  writeLoginFile(accessFile(folder), { controller: url, token, ca: local.ca })
  symlinkSync(folder, currentRun(io.env))
  const client = openClient({ controller: url, token, ca: local.ca })
  opened.defer(client.close)
  const playing = startPlaying(local.stage, () => io.now().getTime())
  const startedMs = io.now().getTime()
  const status = (): SimStatus => ({
    ...{ pid: process.pid, startedMs, url, folder, machines: listMachines(local.layout) },
    faults: playing.list(),
  })
  const answer = answerBy(status, playing)
  const control = await serveControl(controlSocket(io.env), answer)
  opened.defer(() => void control.close())
  const all = opened.move()
  return { status, client, answer, close: () => all.disposeAsync() }
}

export const answerBy =
  (status: () => SimStatus, playing: Playing) =>
  async (question: Question): Promise<Reply> => {
    if (question.ask === 'status') return { status: status() }
    const fault = await playing.set(question.name, question.on)
    return fault ? { fault } : { problem: `there is no fault ${question.name}` }
  }

/** One simulation at a time: two would fight over the processor, and `probe get` could not know which is meant. */
const takeFolder = async ({ env }: Io, opened: AsyncDisposableStack): Promise<void> => {
  const problem = makeStateFolder(env)
  if (problem !== undefined) throw new CannotSimulate(problem)
  try {
    const lock = lockDirectory(stateFolder(env))
    opened.defer(lock.release)
  } catch (error) {
    if (!(error instanceof DirectoryInUse)) throw error
    const running = await askSimulation(controlSocket(env), { ask: 'status' })
    const who = running?.status ? ` (process ${running.status.pid})` : ''
    throw new CannotSimulate(`a simulation runs here already${who}: probe sim status shows it, Ctrl-C in its terminal ends it`)
  }
  clearState(env)
  opened.defer(() => clearState(env))
}

/** Goes when this process ends, however it ends: a shell waits for the end of its input, which only this process holds open. */
const makeRunFolder = ({ env }: Io, opened: AsyncDisposableStack): string => {
  const folder = mkdtempSync(join(stateFolder(env), 'run-'))
  const sweeper = spawn('sh', ['-c', 'cat >/dev/null; rm -rf -- "$0"', folder], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  sweeper.on('error', () => {})
  sweeper.unref()
  opened.defer(() => {
    rmSync(folder, { recursive: true, force: true })
    sweeper.stdin.end()
  })
  return folder
}

/** A port of loopback; `open` says to which Unix socket it leads. */
const listenHere = async (port: number): Promise<{ server: Server; port: number; open: (path: string) => void }> => {
  let door: string | undefined
  const server = createServer({ allowHalfOpen: true }, client => {
    client.on('error', () => {})
    if (door === undefined) return void client.destroy()
    const inner = connect({ path: door, allowHalfOpen: true })
    inner.on('error', () => client.destroy()).on('close', () => client.destroy())
    client.on('close', () => inner.destroy())
    client.pipe(inner).pipe(client)
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening').catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'EADDRINUSE' ? 'is taken' : `can't be opened (${error.code})`
    throw new CannotSimulate(`port ${port} of 127.0.0.1 ${why}: --port names another, and without it any free one is used`)
  })
  const address = server.address() as { port: number }
  return { server, port: address.port, open: path => (door = path) }
}
