/** Simulated agents under a controller, and whether all that was acknowledged to them is in its history, once. */
import type { HistoryAnswer } from '../../wire/api/measured.ts'
import { waitFor } from '../interop/programs.ts'
import type { Person } from './controller-process.ts'
import { batchesOf, runsPerBatch, type SimulatedAgent, startSimulatedAgent } from './simulated-agent.ts'

export type SimulatedFleet = {
  agents: readonly SimulatedAgent[]
  /** All send; resolves when this is aborted and everything that was begun is acknowledged. */
  send(until: AbortSignal, everyMs?: number): Promise<void>
  /** Acknowledged so far. */
  acknowledged(): number
  /** Waits until what was acknowledged is in the history; what is still missing after a while, or is there twice, is counted. */
  count(person: Person): Promise<Count>
  close(): Promise<void>
}
export type Count = { acknowledged: number; missing: number; doubled: number }
export type FleetOptions = { size: number; url: string; person: Person /** Each must know the assignments. */; urls?: readonly string[] }

const minuteMs = 60_000

/** The fleet document of `fleetOf` must have been applied. Resolves when each agent has been told what to do. */
export const startSimulatedFleet = async ({ size, url, person, urls }: FleetOptions): Promise<SimulatedFleet> => {
  // A minute that is over, but not for so long that it would not be taken.
  const fromMs = Math.floor(Date.now() / minuteMs) * minuteMs - 5 * minuteMs
  const agents: SimulatedAgent[] = []
  for (let n = 0; n < size; n++) {
    const id = `vm-${n}`
    const [joinToken, batches] = [await person.joinToken(id), await batchesOf(id, fromMs)]
    agents.push(await startSimulatedAgent({ id, url, joinToken, batches }))
  }
  await Promise.all(agents.map(agent => agent.begin(urls)))
  return {
    agents,
    send: async (until, everyMs) => void (await Promise.all(agents.map(agent => agent.send(until, everyMs)))),
    acknowledged: () => agents.reduce((sum, { batches }) => sum + batches, 0),
    count: person => count(person, agents, fromMs),
    close: async () => void (await Promise.all(agents.map(agent => agent.close()))),
  }
}

/** Longer than a worker that has died is waited for by another replica (controller/ingest/take-over.ts). */
const settledMs = 120_000

const count = async (person: Person, agents: readonly SimulatedAgent[], sinceMs: number): Promise<Count> => {
  let last: Count = { acknowledged: 0, missing: 0, doubled: 0 }
  const look = async (): Promise<true | undefined> => {
    const { items } = await person.get<{ items: HistoryAnswer[] }>(
      `/v1/history?groupBy=agent&limit=1000&since=${new Date(sinceMs).toISOString()}`,
    )
    last = { acknowledged: 0, missing: 0, doubled: 0 }
    for (const { id, batches } of agents) {
      const runs = items.find(({ group }) => group === id)?.measured.runs ?? { ok: 0, fail: 0, unmeasured: 0 }
      const seen = (runs.ok + runs.fail + runs.unmeasured) / runsPerBatch
      last.acknowledged += batches
      last.missing += Math.max(0, batches - seen)
      last.doubled += Math.max(0, seen - batches)
    }
    return last.missing === 0 || last.doubled > 0 ? true : undefined
  }
  await waitFor('history of all that was acknowledged', look, settledMs).catch(() => {})
  return last
}
