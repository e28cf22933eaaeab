/** What an evaluation asks of the fleet for every path, looked up once for each fleet. */
import { linkName } from '../../wire/link-name.ts'
import { msOf } from '../fleet/duration.ts'
import type { MergedFleet } from '../fleet/merge.ts'
import type { Surroundings } from './surroundings.ts'

/** As the checks that are built in. */
const usualEveryMs = 10_000

/** `spiffe://prod.example/ns/a/sa/b` is of `prod.example`. */
export const trustDomainOfId = (id: string | undefined): string | undefined =>
  id === undefined ? undefined : /^spiffe:\/\/([^/]+)/.exec(id)?.[1]

/** Options are of many kinds of check: some name a trust domain, or an identity of one, or an issuer. */
const vouchersIn = (options: object | undefined): { trustDomain: string | undefined; issuer: string | undefined } => {
  const text = (key: string): string | undefined => {
    const value = (options as Record<string, unknown> | undefined)?.[key]
    return typeof value === 'string' ? value : undefined
  }
  return {
    trustDomain: text('expectTrustDomain') ?? trustDomainOfId(text('expectId')) ?? text('trustDomain'),
    issuer: text('issuer'),
  }
}

export class Fleetwise {
  #of: MergedFleet | undefined
  #checks = new Map<
    string,
    { everyMs: number; isAuthorized: boolean; owner: string; trustDomain: string | undefined; issuer: string | undefined }
  >()
  #hubs = new Map<string, string>()
  #issuers = new Map<string, string>()
  targets: ReadonlyMap<string, MergedFleet['targets'][number]> = new Map()

  renew({ fleet }: Pick<Surroundings, 'fleet'>): void {
    if (this.#of === fleet) return
    this.#of = fleet
    this.targets = new Map(fleet.targets.map(target => [target.name, target]))
    this.#checks = new Map(
      fleet.checks.map(({ name, every, expectAuthorized, owner, options }) => [
        name,
        { everyMs: msOf(every), isAuthorized: expectAuthorized === true, owner, ...vouchersIn(options) },
      ]),
    )
    this.#hubs = new Map(fleet.links.flatMap(({ from, to, via }) => (via === undefined ? [] : [[linkName(from, to), via]])))
    this.#issuers = new Map(fleet.clusters.map(({ name, issuer }) => [name, issuer]))
  }

  everyMs(check: string): number {
    return this.#checks.get(check)?.everyMs ?? usualEveryMs
  }
  isExpectedAuthorized(check: string): boolean {
    return this.#checks.get(check)?.isAuthorized ?? false
  }
  /** Whose certificates a path is about, where the fleet file says: its target's, or those of all that the check asks. */
  trustDomainOf(check: string, target: string): string | undefined {
    const own = this.targets.get(target)
    return own?.expectTrustDomain ?? trustDomainOfId(own?.expectId) ?? this.#checks.get(check)?.trustDomain
  }
  /** What carries the link, beside its two ends. */
  hubOf(from: string, to: string): string | undefined {
    return this.#hubs.get(linkName(from, to))
  }
  /** Who signs the tokens that a check presents: as it says itself, or whoever does for the workloads of the cluster. */
  issuerOf(check: string, cluster: string | undefined): string | undefined {
    return this.#checks.get(check)?.issuer ?? (cluster === undefined ? undefined : this.#issuers.get(cluster))
  }
  /** Whose check and target they are. */
  ownersOf(check: string, target: string): string[] {
    return [this.#checks.get(check)?.owner, this.targets.get(target)?.owner].filter(owner => owner !== undefined)
  }
}
