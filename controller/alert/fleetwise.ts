/** What an evaluation asks of the fleet for every path, looked up once for each fleet. */
import { msOf } from '../fleet/duration.ts'
import type { MergedFleet } from '../fleet/merge.ts'
import type { Surroundings } from './surroundings.ts'

/** As the checks that are built in. */
const usualEveryMs = 10_000

export class Fleetwise {
  #of: MergedFleet | undefined
  #checks = new Map<string, { everyMs: number; isAuthorized: boolean; owner: string }>()
  targets: ReadonlyMap<string, MergedFleet['targets'][number]> = new Map()
  /** By link, `aws/us-east-1 → azure/eastus`: the hub that it passes. */
  vias: ReadonlyMap<string, string> = new Map()

  renew({ fleet }: Pick<Surroundings, 'fleet'>): void {
    if (this.#of === fleet) return
    this.#of = fleet
    this.targets = new Map(fleet.targets.map(target => [target.name, target]))
    this.vias = new Map(fleet.links.flatMap(({ from, to, via }) => (via === undefined ? [] : [[`${from} → ${to}`, via]])))
    this.#checks = new Map(
      fleet.checks.map(({ name, every, expectAuthorized, owner }) => [
        name,
        { everyMs: msOf(every), isAuthorized: expectAuthorized === true, owner },
      ]),
    )
  }

  everyMs(check: string): number {
    return this.#checks.get(check)?.everyMs ?? usualEveryMs
  }
  isExpectedAuthorized(check: string): boolean {
    return this.#checks.get(check)?.isAuthorized ?? false
  }
  /** Whose check and target they are. */
  ownersOf(check: string, target: string): string[] {
    return [this.#checks.get(check)?.owner, this.targets.get(target)?.owner].filter(owner => owner !== undefined)
  }
}
