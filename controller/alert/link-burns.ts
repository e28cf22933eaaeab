/** Which runs count against the budget of which link, and how fast it goes. */

import { linkName } from '../../wire/link-name.ts'
import { type Attribution, BurnCounts, judgeBurn, judgeSlowBurn } from './burn.ts'
import type { Fleetwise } from './fleetwise.ts'
import type { Incident } from './incident.ts'
import type { LinkAlerts } from './link-alerts.ts'
import type { PathAlerts } from './path-alerts.ts'
import type { Paths } from './paths.ts'
import { isBurnRule } from './rules.ts'
import { good, unknown } from './series.ts'
import type { Surroundings } from './surroundings.ts'
import { minuteMs } from './windows.ts'

/** Failures wait no longer than this before they count. */
const rememberedMs = 3_600_000

export class LinkBurns {
  readonly #counts = new Map<number, BurnCounts>()
  /** When an incident was about a link: its failures were told then. */
  readonly #told = new Map<number, { fromMs: number; toMs: number }[]>()
  readonly #paths: Paths
  readonly #alerts: PathAlerts
  readonly #fleetwise: Fleetwise

  constructor(paths: Paths, alerts: PathAlerts, fleetwise: Fleetwise) {
    this.#paths = paths
    this.#alerts = alerts
    this.#fleetwise = fleetwise
  }

  of(link: number): BurnCounts {
    let counts = this.#counts.get(link)
    if (!counts) this.#counts.set(link, (counts = new BurnCounts()))
    return counts
  }

  /** A window that says nothing of its path says nothing of the link either: its agent was late, or ICMP is filtered. */
  note(path: number, link: number, ok: number, fail: number, nowMs: number): void {
    const verdict = this.#alerts.windowOf(path)
    if (verdict === unknown) return
    // Most failed and it is good all the same: a refusal that is not held against anybody.
    this.of(link).add(Math.floor(nowMs / minuteMs), path, ok, verdict === good && fail >= ok ? 0 : fail)
  }

  /** Links of which some path has failed lately, and may yet be told as that. */
  inDoubt(): Set<number> {
    const links = new Set<number>()
    for (let path = 0; path < this.#paths.size; path++)
      if (this.#paths.labels[path] && !this.#alerts.failures.isDefault(path)) links.add(this.#paths.link[path]!)
    return links
  }

  /** What is going on now, as it was told. */
  noteTold(incidents: readonly Incident[], nowMs: number): void {
    for (const { rules, state, sinceMs, links = [] } of incidents) {
      if (state !== 'open' || rules.every(isBurnRule)) continue
      for (const [from, to] of links) {
        const link = this.#paths.links.find(linkName(from, to))
        const its = (this.#told.get(link) ?? []).filter(({ fromMs, toMs }) => fromMs !== sinceMs && toMs > nowMs - rememberedMs)
        this.#told.set(link, [...its, { fromMs: sinceMs, toMs: nowMs }])
      }
    }
  }

  judge({ nowMs, rules, fleet }: Surroundings, links: LinkAlerts): void {
    for (const { from, to, objective } of fleet.links) {
      const link = this.#paths.links.find(linkName(from, to))
      const counts = this.#counts.get(link)
      if (objective?.availability === undefined || !counts) continue
      counts.settle((path, minute) => this.#attribute(path, minute, nowMs))
      const windows = counts.windows(Math.floor(nowMs / minuteMs))
      links.judgeBurn(link, 'default/burn-rate', judgeBurn(windows, objective.availability), { nowMs, rules })
      links.judgeBurn(link, 'default/slow-burn', judgeSlowBurn(windows, objective.availability), { nowMs, rules })
    }
  }

  #attribute(path: number, minute: number, nowMs: number): Attribution {
    const { failures } = this.#alerts
    if (failures.isBad(path)) return 'told'
    const check = this.#paths.labels[path]?.check
    if (check === undefined) return 'told'
    const [startMs, endMs] = [minute * minuteMs, (minute + 1) * minuteMs]
    const told = this.#told.get(this.#paths.link[path]!) ?? []
    if (told.some(({ fromMs, toMs }) => fromMs < endMs && startMs <= toMs)) return 'told'
    const waitMs = minuteMs + 2.5 * this.#fleetwise.everyMs(check)
    return !failures.isDefault(path) && nowMs < (minute + 1) * minuteMs + waitMs ? 'open' : 'counts'
  }
}
