/**
 * The evaluation of all alerts: takes what has come, judges it, and says what is wrong. All memory of alerts is here and in what it has; it can be saved
 * and loaded, and is then as if nothing had happened.
 */
import { linkOf } from '../history/query.ts'
import { pathIdOf } from '../history/question.ts'
import { grown } from '../ingest/grow.ts'
import { type AgentFinding, graceMs, judgeAgents } from './agent-alerts.ts'
import { blindMs, type Coverage, coverageOf } from './blind.ts'
import { Diagnoses } from './diagnoses.ts'
import { Endings } from './endings.ts'
import { Fleetwise } from './fleetwise.ts'
import { Identities } from './identities.ts'
import { LinkAlerts, type SavedLink } from './link-alerts.ts'
import { LinkBurns } from './link-burns.ts'
import { PathAlerts } from './path-alerts.ts'
import { PathVerdicts } from './path-verdicts.ts'
import { worldOf } from './path-world.ts'
import { kindCode, none, Paths } from './paths.ts'
import { SlowAlerts } from './slow-alerts.ts'
import type { Surroundings } from './surroundings.ts'
import { at, unmeasuredOf, width } from './tally.ts'
import { type MinuteSeen, Windows } from './windows.ts'

const mtls = kindCode('mtls')

export type SavedEvaluation = {
  links: Record<string, SavedLink>
  planes: Record<string, number>
  agents: readonly AgentFinding[]
  /** When somebody began to judge, and when that was done last. */
  startedMs: number
  turnedMs: number
}
/** Who takes over so soon has missed nothing: agents were heard of all the while. */
const handoverMs = 30_000
/** Longer than turns are ever apart (start.ts), on a machine that does other things too. */
const pauseMs = 60_000

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
  readonly burns = new LinkBurns(this.paths, this.alerts, this.fleetwise)
  /** When the baselines of each agent were read last. */
  readonly refreshedMs = new Map<string, number>()
  /** When each path was measured last. */
  #measuredMs = new Float64Array(0)
  readonly #identities = new Identities()
  #agents: readonly AgentFinding[] = []
  #coverage: ReadonlyMap<number, Coverage> = new Map()
  #startedMs = 0
  #turnedMs = Number.NEGATIVE_INFINITY
  #waiting: { minute: MinuteSeen; isFirst: boolean }[] = []

  /** Since when somebody judges without a pause. */
  begin(nowMs: number): number {
    if (nowMs - this.#turnedMs > handoverMs) this.#startedMs = nowMs
    return this.#startedMs
  }

  /** The same at each turn: a clock that was set, or a machine that was frozen, has heard of nobody since then, and nobody is lost for that. */
  goOn(nowMs: number): number {
    if (Math.abs(nowMs - this.#turnedMs) > pauseMs) this.#startedMs = nowMs
    return this.#startedMs
  }

  /** What came since the last turn. */
  take(minute: MinuteSeen, isFirst: boolean): void {
    this.#waiting.push({ minute, isFirst })
  }

  /** Judges all that came. Afterwards `wrong.ts` says what is wrong. */
  judge(around: Surroundings): void {
    this.fleetwise.renew(around)
    const world = worldOf(this, around)
    const { nowMs, rules, fleet } = around
    const slowWorld = { nowMs, rules, fleet, isBlindfold: world.isBlindfold }
    for (const { minute, isFirst } of this.#waiting.splice(0))
      this.windows.take(minute, isFirst, (path, whole, isClosed) => {
        this.reserve(path)
        this.alerts.values.take(path, whole, world)
        this.slow.takeMinute(path, whole, isClosed, slowWorld)
        if (whole.outage !== undefined) this.#noteOutage(path, minute.startMs, whole.outage)
      })
    this.reserve(this.paths.size - 1)
    this.windows.noteOverload()
    // Agents that came, or were late, in this window.
    const now = worldOf(this, around)
    this.alerts.judge(this.windows, now)
    this.links.count(this.windows, now.isBlindfold)
    this.links.judge(around)
    this.#note(nowMs)
    this.burns.judge(around, this.links)
    this.#judgeBlind(around)
    this.#agents = judgeAgents(around) ?? this.#agents
    this.#identities.judge(around.agents, nowMs)
    this.slow.keep(rules)
    this.windows.clear()
    this.#turnedMs = around.nowMs
  }

  #noteOutage(path: number, atMs: number, seconds: number): void {
    const labels = this.paths.labels[path]!
    const everyMs = this.fleetwise.everyMs(labels.check)
    this.diagnoses.news.noteOutage(linkOf(labels), { path: this.idOf(path), atMs, lengthMs: seconds * 1000, everyMs })
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
  /** How much of a link is measured; undefined in the first minutes, and where nothing is to be. */
  coverageOf(link: number): Coverage | undefined {
    return this.#coverage.get(link)
  }
  measuredMs(path: number): number {
    return this.#measuredMs[path] ?? 0
  }

  reserve(path: number): void {
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
      if (link !== none && ok + fail > 0) this.burns.note(path, link, ok, fail, nowMs)
      if (kind[path] !== mtls) continue
      if (ok + fail > 0) this.#identities.note(this.paths.agents[path]!, true)
      else if (now[from + at.unmeasured]! > 0 && unmeasuredOf(why[path]!) === 'local_svid_unavailable')
        this.#identities.note(this.paths.agents[path]!, false)
    }
  }

  #judgeBlind(around: Surroundings): void {
    const { nowMs, startedMs, rules } = around
    if (nowMs < startedMs + blindMs) return
    const { paths, fleetwise, windows } = this
    const unmeasured = (path: number) => unmeasuredOf(windows.unmeasured[path] ?? 0)
    this.#coverage = coverageOf({ paths, fleetwise, measuredMs: path => this.measuredMs(path), unmeasured }, around)
    for (const [link, { measured, expected }] of this.#coverage) this.links.judgeBlind(link, measured, expected, { nowMs, rules })
  }

  /** Paths that their agents do not have any more: what was said of them is over. */
  removeAbsent({ agents, assigned, nowMs, startedMs }: Pick<Surroundings, 'agents' | 'assigned' | 'nowMs' | 'startedMs'>): void {
    // Of nobody it is known yet that it does not come back.
    const isEarly = nowMs < startedMs + graceMs
    for (const agent of [...this.paths.knownAgents()]) {
      const known = agents.get(agent)
      const isGone = !known || known.state === 'banned' || (known.state === 'retired' && !isEarly)
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

  /** What outlives this process of what is not about paths. */
  save(): SavedEvaluation {
    const [links, planes] = [this.links.saveAll(), Object.fromEntries(this.planes())]
    return { links, planes, agents: this.#agents, startedMs: this.#startedMs, turnedMs: this.#turnedMs }
  }

  load({ links, planes, agents, startedMs, turnedMs }: SavedEvaluation): void {
    this.#agents = agents
    this.#startedMs = startedMs
    this.#turnedMs = turnedMs
    this.links.loadAll(links)
    this.#identities.loadPlanes(planes)
  }
}
