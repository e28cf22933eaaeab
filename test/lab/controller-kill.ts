/** Kills a controller that is busy, again and again, and counts what is there. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePorts, waitFor } from '../interop/programs.ts'
import { type ControllerProcess, personAt, startControllerProcess } from './controller-process.ts'
import { fleetOf } from './simulated-agent.ts'
import { type Count, startSimulatedFleet } from './simulated-fleet.ts'

export type KillRounds = Count & {
  rounds: number
  /** What must not happen: an assignment sent again, a batch or a credential refused, a stream that did not come back. */
  faults: string[]
  backMs: { median: number; max: number }
}
export type KillRoundsOptions = { rounds: number; random: () => number; agents?: number; onRound?: (round: number) => void }

/** Acknowledged batches between two kills. */
const [leastBatches, mostBatches] = [1, 120]

export const killController = async ({ rounds, random, agents = 8, onRound }: KillRoundsOptions): Promise<KillRounds> => {
  const data = mkdtempSync(join(tmpdir(), 'controller-kill-'))
  const [port = 0] = await freePorts(1)
  writeFileSync(join(data, 'fleet.yaml'), fleetOf())
  const start = (): Promise<ControllerProcess> => startControllerProcess({ data, port, words: ['--fleet', join(data, 'fleet.yaml')] })
  let controller = await start()
  const { token, url } = controller
  const person = personAt(url, token)
  await waitFor('fleet', async () => ((await person.get<{ generation: number }>('/v1/fleet')).generation > 0 ? true : undefined))
  const fleet = await startSimulatedFleet({ size: agents, url, person })
  const told = fleet.agents.map(agent => agent.told.length)
  const [stop, backMs, faults]: [AbortController, number[], string[]] = [new AbortController(), [], []]
  const sending = fleet.send(stop.signal)
  for (let round = 0; round < rounds; round++) {
    onRound?.(round)
    const until = fleet.acknowledged() + leastBatches + Math.floor(random() * (mostBatches - leastBatches))
    await waitUntil(() => fleet.acknowledged() >= until)
    const streams = fleet.agents.map(agent => agent.streams)
    const startedMs = performance.now()
    await controller.kill()
    controller = await start()
    await waitUntil(() => fleet.agents.every((agent, index) => agent.streams > streams[index]!))
    backMs.push(performance.now() - startedMs)
  }
  stop.abort()
  await sending
  const counted = await fleet.count(person)
  for (const [index, agent] of fleet.agents.entries()) {
    faults.push(...agent.faults.map(fault => `${agent.id}: ${fault}`))
    if (agent.told.length !== told[index]) faults.push(`${agent.id} was told ${agent.told.length - told[index]!} times what it knew`)
  }
  await fleet.close()
  const { status } = await controller.end()
  if (status !== 0) faults.push(`it ended with ${status}`)
  rmSync(data, { recursive: true })
  backMs.sort((a, b) => a - b)
  return {
    rounds,
    ...counted,
    faults,
    backMs: { median: Math.round(backMs[backMs.length >> 1] ?? 0), max: Math.round(backMs.at(-1) ?? 0) },
  }
}

/** The caller's own time limit ends it. */
const waitUntil = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await sleep(20)
}
