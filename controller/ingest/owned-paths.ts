import type { PathLabels } from '../history/labels.ts'
import type { AssignedRow, HeldPaths } from '../store/assigned.ts'
import { receivedKeptMs } from './received.ts'

/** Which paths agents may report, as the store has it. */
export class OwnedPaths {
  readonly #agents = new Map<string, ReadonlyMap<string, ReadonlyMap<string, number>>>()

  put({ agentId, paths }: Pick<AssignedRow, 'agentId'> & { paths: HeldPaths }): void {
    this.#agents.set(agentId, new Map(Object.entries(paths).map(([check, targets]) => [check, new Map(Object.entries(targets))])))
  }

  /** Whether it is the agent's, or was within 27 hours. */
  owns(agent: string, { check, target }: PathLabels, nowMs: number): boolean {
    const endedMs = this.#agents.get(agent)?.get(check)?.get(target)
    return endedMs === 0 || (endedMs !== undefined && endedMs > nowMs - receivedKeptMs)
  }

  /** Without agents that the store has no more. */
  keepOnly(agents: ReadonlySet<string>): void {
    for (const agent of this.#agents.keys()) if (!agents.has(agent)) this.#agents.delete(agent)
  }
}
