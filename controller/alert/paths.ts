/** Every path that is judged, by a small number: what the arrays of the evaluation are indexed by. */
import { type Kind, kinds } from '../../wire/result.ts'
import { labelsKey, type PathLabels } from '../history/labels.ts'
import { linkOf } from '../history/query.ts'
import { grown } from '../ingest/grow.ts'

export const none = -1
export const kindCode = (kind: Kind): number => kinds.indexOf(kind)

/** Texts by number, each once. */
export class Names {
  readonly all: string[] = []
  readonly #byName = new Map<string, number>()

  numberOf(name: string): number {
    const known = this.#byName.get(name)
    if (known !== undefined) return known
    this.#byName.set(name, this.all.length)
    return this.all.push(name) - 1
  }
  find(name: string): number {
    return this.#byName.get(name) ?? none
  }
}

/** `agent/vm-1/tls` and `agent/vm-1` are one agent: what is measured at its ports stands and falls together. */
export const baseTarget = (target: string): string => (target.startsWith('agent/') ? target.replace(/\/(tls|mtls|host)$/, '') : target)

export class Paths {
  /** Of a number that is free: undefined. */
  readonly labels: (PathLabels | undefined)[] = []
  readonly agents: string[] = []
  /** `aws/us-east-1 → azure/eastus`. */
  readonly links = new Names()
  /** Paths of one agent to one target: their layers explain each other. */
  readonly groups = new Names()
  /** Of agents by number, so that nothing is looked up by name for each path. */
  readonly agentNames = new Names()
  agent = new Int32Array(0)
  /** By its place in `wire/result.ts`; kinds of another version count as none of them. */
  kind = new Int8Array(0)
  link = new Int32Array(0)
  group = new Int32Array(0)
  readonly #byAgent = new Map<string, Map<string, number>>()
  readonly #free: number[] = []

  /** Numbers that have been given out so far, free ones included. */
  get size(): number {
    return this.labels.length
  }

  of(agent: string): ReadonlyMap<string, number> {
    return this.#byAgent.get(agent) ?? new Map()
  }
  knownAgents(): Iterable<string> {
    return this.#byAgent.keys()
  }

  numberOf(agent: string, labels: PathLabels): number {
    let its = this.#byAgent.get(agent)
    if (!its) this.#byAgent.set(agent, (its = new Map()))
    const key = labelsKey(labels)
    const known = its.get(key)
    if (known !== undefined) return known
    const path = this.#free.pop() ?? this.labels.length
    its.set(key, path)
    this.labels[path] = labels
    this.agents[path] = agent
    this.agent = grown(this.agent, path + 1)
    this.kind = grown(this.kind, path + 1)
    this.agent[path] = this.agentNames.numberOf(agent)
    this.kind[path] = (kinds as readonly string[]).indexOf(labels.kind)
    this.link = grown(this.link, path + 1)
    this.group = grown(this.group, path + 1)
    const link = linkOf(labels)
    this.link[path] = link === '' ? none : this.links.numberOf(link)
    this.group[path] = this.groups.numberOf(`${agent}\0${baseTarget(labels.target)}`)
    return path
  }

  find(agent: string, key: string): number {
    return this.#byAgent.get(agent)?.get(key) ?? none
  }

  /** Its number is given to another: everything that is remembered under it must be forgotten before. */
  remove(path: number): void {
    const [agent, labels] = [this.agents[path]!, this.labels[path]]
    if (!labels) return
    const its = this.#byAgent.get(agent)
    its?.delete(labelsKey(labels))
    if (its?.size === 0) this.#byAgent.delete(agent)
    this.labels[path] = undefined
    this.#free.push(path)
  }
}
