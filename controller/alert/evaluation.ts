/**
 * The evaluation of all alerts: takes what has come, judges it, and says what is wrong. All memory of alerts is here and in what it has; it can be saved
 * and loaded, and is then as if nothing had happened.
 */
import type { Cause } from '../../wire/causes.ts'
import { labelsKey } from '../history/labels.ts'
import { pathIdOf } from '../history/question.ts'
import { grown } from '../ingest/grow.ts'
import { type AgentFinding, judgeAgents } from './agent-alerts.ts'
import { blindMs, coverageOf } from './blind.ts'
import { type Attribution, BurnCounts, judgeBurn } from './burn.ts'
import { Diagnoses } from './diagnoses.ts'
import { Endings } from './endings.ts'
import { Fleetwise } from './fleetwise.ts'
import { Identities } from './identities.ts'
import { LinkAlerts, type SavedLink } from './link-alerts.ts'
import { matchesPath } from './matching.ts'
import { PathAlerts, type PathWorld, type SavedPath } from './path-alerts.ts'
import { PathVerdicts } from './path-verdicts.ts'
import { baseTarget, kindCode, none, Paths } from './paths.ts'
import { good, unknown } from './series.ts'
import { SlowAlerts } from './slow-alerts.ts'
import type { AlertAgent, Surroundings } from './surroundings.ts'
import { at, unmeasuredOf, width } from './tally.ts'
import { type MinuteSeen, minuteMs, Windows } from './windows.ts'

const mtls = kindCode('mtls')

/** What it measures is its own affair: it was taken out, or goes. */
const isUnfit = (agent: AlertAgent | undefined): boolean => agent !== undefined && (agent.isCordoned || agent.state === 'draining')

type SavedAgent = Record<string, { path?: SavedPath; slow?: ReturnType<SlowAlerts['save']> }>
export type SavedRest = {
  links: Record<string, SavedLink>
  planes: Record<string, number>
  agents: AgentFinding[]
  /** When somebody began to judge, and when that was done last. */
  startedMs: number
  turnedMs: number
}
/** Who takes over so soon has missed nothing: agents were heard of all the while. */
const handoverMs = 30_000

export class Evaluation {
  readonly paths = new Paths()
  readonly windows = new Windows(this.paths)
  readonly alerts = new PathAlerts(this.paths)
  readonly slow = new SlowAlerts(this.paths)
  readonly links = new LinkAlerts(this.paths)
  readonly diagnoses = new Diagnoses()
  readonly endings = new Endings()
  readonly verdicts = new PathVerdicts(this.paths)
  readonly fleetwise = new Fleetwise()
  readonly burns = new Map<number, BurnCounts>()
  /** When the baselines of each agent were read last. */
  readonly refreshedMs = new Map<string, number>()
  /** When each path was measured last. */
  #measuredMs = new Float64Array(0)
  readonly #identities = new Identities()
  #agents: AgentFinding[] = []
  #startedMs = 0
  #turnedMs = Number.NEGATIVE_INFINITY
  #waiting: { minute: MinuteSeen; isFirst: boolean }[] = []

  /** Since when somebody judges without a pause. */
  begin(nowMs: number): number {
    if (nowMs - this.#turnedMs > handoverMs) this.#startedMs = nowMs
    return this.#startedMs
  }

  /** What came since the last turn. */
  take(minute: MinuteSeen, isFirst: boolean): void {
    this.#waiting.push({ minute, isFirst })
  }

  /** Judges all that came. Afterwards `wrong.ts` says what is wrong. */
  judge(around: Surroundings): void {
    this.fleetwise.renew(around)
    const world = this.world(around)
    const { nowMs, rules, fleet } = around
    const slowWorld = { nowMs, rules, fleet, isBlindfold: world.isBlindfold }
    for (const { minute, isFirst } of this.#waiting.splice(0))
      this.windows.take(minute, isFirst, (path, whole, isClosed) => {
        this.#reserve(path)
        this.alerts.takeValues(path, whole, world)
        this.slow.takeMinute(path, whole, isClosed, slowWorld)
      })
    this.#reserve(this.paths.size - 1)
    // Agents that came, or were late, in this window.
    const now = this.world(around)
    this.alerts.judge(this.windows, now)
    this.links.count(this.windows, now.isBlindfold)
    this.links.judge(around)
    this.#note(nowMs)
    this.#judgeBurns(around)
    this.#judgeBlind(around)
    this.#agents = judgeAgents(around) ?? this.#agents
    this.#identities.judge(around.agents, nowMs)
    this.slow.keep(rules)
    this.windows.clear()
    this.#turnedMs = around.nowMs
  }

  world({ nowMs, rules, maintenance, agents }: Surroundings): PathWorld {
    const active = maintenance.filter(({ startMs, endMs }) => startMs <= nowMs && nowMs < endMs)
    const blind = Uint8Array.from(this.paths.agentNames.all, name => Number(isUnfit(agents.get(name)) || this.windows.lateAgents.has(name)))
    const labelsOf = (path: number) => this.paths.labels[path]!
    return {
      nowMs,
      rules,
      everyMs: path => this.fleetwise.everyMs(labelsOf(path).check),
      isExpectedAuthorized: path => this.fleetwise.isExpectedAuthorized(labelsOf(path).check),
      isBlindfold: path => {
        if (blind[this.paths.agent[path]!] === 1 || this.#isTargetLate(path)) return true
        return active.length > 0 && active.some(({ match }) => matchesPath(match, this.paths.agents[path]!, labelsOf(path)))
      },
      causeOf: (path): Cause | undefined => this.diagnoses.of(this.idOf(path))?.cause,
    }
  }

  /** An agent that is late with its own runs answers those of others late too, or not at all: no word about the network. */
  #isTargetLate(path: number): boolean {
    const { lateAgents } = this.windows
    if (lateAgents.size === 0) return false
    const target = baseTarget(this.paths.labels[path]!.target)
    return target.startsWith('agent/') && lateAgents.has(target.slice('agent/'.length))
  }

  idOf(path: number): string {
    return pathIdOf(this.paths.labels[path]!, this.paths.agents[path]!)
  }
  agentFindings(): readonly AgentFinding[] {
    return this.#agents
  }
  planes(): ReadonlyMap<string, number> {
    return this.#identities.planes()
  }
  /** Undefined: it needs none, or nothing was heard. */
  hasIdentity(agent: string): boolean | undefined {
    return this.#identities.has(agent)
  }
  measuredMs(path: number): number {
    return this.#measuredMs[path] ?? 0
  }

  #reserve(path: number): void {
    if (path < 0) return
    this.windows.reserve(path + 1)
    this.alerts.reserve(path + 1)
  }

  #note(nowMs: number): void {
    const { kind, link: links } = this.paths
    const { now, touched, unmeasured: why } = this.windows
    this.#measuredMs = grown(this.#measuredMs, this.paths.size)
    for (const path of touched) {
      const from = path * width
      const [ok, fail] = [now[from + at.ok]!, now[from + at.fail]!]
      const link = links[path]!
      if (ok + fail > 0) this.#measuredMs[path] = nowMs
      if (link !== none && ok + fail > 0) this.#noteRuns(path, link, ok, fail, nowMs)
      if (kind[path] !== mtls) continue
      if (ok + fail > 0) this.#identities.note(this.paths.agents[path]!, true)
      else if (now[from + at.unmeasured]! > 0 && unmeasuredOf(why[path]!) === 'local_svid_unavailable')
        this.#identities.note(this.paths.agents[path]!, false)
    }
  }

  /** A window that says nothing of its path says nothing of the link either: its agent was late, or ICMP is filtered. */
  #noteRuns(path: number, link: number, ok: number, fail: number, nowMs: number): void {
    const verdict = this.alerts.windowOf(path)
    if (verdict === unknown) return
    let burn = this.burns.get(link)
    if (!burn) this.burns.set(link, (burn = new BurnCounts()))
    // Most failed and it is good all the same: a refusal that is not held against anybody.
    burn.add(Math.floor(nowMs / minuteMs), path, ok, verdict === good && fail >= ok ? 0 : fail)
  }

  #attribute(path: number, minute: number, nowMs: number): Attribution {
    const { failures } = this.alerts
    if (failures.isBad(path)) return 'told'
    const check = this.paths.labels[path]?.check
    if (check === undefined) return 'told'
    const waitMs = minuteMs + 2.5 * this.fleetwise.everyMs(check)
    return !failures.isDefault(path) && nowMs < (minute + 1) * minuteMs + waitMs ? 'open' : 'counts'
  }

  #judgeBurns({ nowMs, rules, fleet }: Surroundings): void {
    for (const { from, to, objective } of fleet.links) {
      const link = this.paths.links.find(`${from} → ${to}`)
      const counts = this.burns.get(link)
      if (objective?.availability === undefined || !counts) continue
      counts.settle((path, minute) => this.#attribute(path, minute, nowMs))
      const { verdict, rate } = judgeBurn(counts.windows(Math.floor(nowMs / minuteMs)), objective.availability)
      this.links.judgeBurn(link, verdict, rate, { nowMs, rules })
    }
  }

  #judgeBlind(around: Surroundings): void {
    const { nowMs, startedMs, rules } = around
    if (nowMs < startedMs + blindMs) return
    const known = { paths: this.paths, fleetwise: this.fleetwise, measuredMs: (path: number) => this.measuredMs(path) }
    for (const [link, { measured, expected }] of coverageOf(known, around))
      this.links.judgeBlind(link, measured, expected, { nowMs, rules })
  }

  /** Paths that their agents do not have any more: what was said of them is over. */
  removeAbsent({ agents, assigned }: Pick<Surroundings, 'agents' | 'assigned'>): void {
    for (const agent of [...this.paths.knownAgents()]) {
      const known = agents.get(agent)
      const isGone = !known || known.state === 'retired' || known.state === 'banned'
      const has = assigned.get(agent)
      for (const path of [...this.paths.of(agent).values()]) {
        const { check, target } = this.paths.labels[path]!
        if (!isGone && (has === undefined || has.has(`${check}\0${target}`))) continue
        this.windows.forget(path)
        this.alerts.forget(path)
        this.slow.forget(path)
        this.verdicts.forget(path)
        this.#measuredMs[path] = 0
        this.paths.remove(path)
      }
      if (isGone) this.#identities.forget(agent)
    }
  }

  /** Of an agent's paths; '' where there is nothing to remember. */
  saveAgent(agent: string): string {
    const all: SavedAgent = {}
    for (const [key, path] of this.paths.of(agent)) {
      const [state, slow] = [this.alerts.save(path), this.slow.save(path)]
      if (state || slow) all[key] = { ...(state && { path: state }), ...(slow && { slow }) }
    }
    return Object.keys(all).length > 0
      ? JSON.stringify({ paths: Object.keys(all).map(key => this.paths.labels[this.paths.find(agent, key)]), all })
      : ''
  }

  saveRest(): string {
    const [links, planes] = [this.links.saveAll(), Object.fromEntries(this.planes())]
    const rest: SavedRest = { links, planes, agents: this.#agents, startedMs: this.#startedMs, turnedMs: this.#turnedMs }
    return JSON.stringify(rest)
  }

  loadAgent(agent: string, body: string): void {
    const { paths, all } = JSON.parse(body) as { paths: Parameters<Paths['numberOf']>[1][]; all: SavedAgent }
    for (const labels of paths) {
      const path = this.paths.numberOf(agent, labels)
      this.#reserve(path)
      const saved = all[labelsKey(labels)]
      if (saved?.path) this.alerts.load(path, saved.path)
      if (saved?.slow) this.slow.load(path, saved.slow)
    }
  }

  loadRest(body: string): void {
    const { links, planes, agents, startedMs, turnedMs } = JSON.parse(body) as SavedRest
    this.#agents = agents
    this.#startedMs = startedMs
    this.#turnedMs = turnedMs
    this.links.loadAll(links)
    this.#identities.loadPlanes(planes)
  }
}
