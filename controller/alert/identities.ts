/** Agents that need an SVID, whether they have one, and clusters in which nobody has. */
import { judgeIdentityPlanes } from './agent-alerts.ts'
import type { AlertAgent } from './surroundings.ts'

export class Identities {
  readonly #has = new Map<string, boolean>()
  /** Since when each cluster has no identities. */
  #planes = new Map<string, number>()

  note(agent: string, has: boolean): void {
    this.#has.set(agent, has)
  }
  /** Undefined: it needs none, or nothing was heard. */
  has(agent: string): boolean | undefined {
    return this.#has.get(agent)
  }
  forget(agent: string): void {
    this.#has.delete(agent)
  }

  judge(agents: ReadonlyMap<string, AlertAgent>, nowMs: number): void {
    const live = [...agents.values()].filter(({ state }) => state === 'live')
    const down = judgeIdentityPlanes(live, agent => this.#has.get(agent))
    this.#planes = new Map(down.map(({ cluster }) => [cluster, this.#planes.get(cluster) ?? nowMs]))
  }
  planes(): ReadonlyMap<string, number> {
    return this.#planes
  }
  loadPlanes(planes: Record<string, number>): void {
    this.#planes = new Map(Object.entries(planes))
  }
}
