import { type PointProblem, pointProblemTexts, timeBounds } from '../../wire/otlp-judge.ts'
import type { LogEvent } from '../../wire/otlp-logs.ts'
import type { ReadFault } from '../../wire/otlp-read.ts'
import type { ColumnNumbers } from '../history/column.ts'
import { MetricsDecoder, type Owns, type Rejections } from './decode.ts'
import { type Delivery, isRefusal, openDelivery, type Refusal, refuse, refuseFault } from './delivery.ts'
import { decodeEvents } from './events.ts'
import type { BodyLimits } from './gunzip.ts'
import { PathTable } from './path-table.ts'
import { receivedKeptMs } from './received.ts'
import { Staged } from './staged.ts'

/** What a request holds that is worth storing. */
export type Prepared = {
  readonly kind: 'prepared'
  readonly staged: Staged
  readonly paths: PathTable
  readonly events: readonly LogEvent[]
  /** Points or log records, with those that were rejected. */
  readonly items: number
  readonly rejections: Rejections
}
type Parts = { readonly numbers: ColumnNumbers; readonly owns: Owns; readonly body: BodyLimits; readonly pathsPerAgent: number }
type Found = {
  readonly fault?: ReadFault
  readonly events: readonly LogEvent[]
  readonly items: number
  readonly rejections: Rejections
  readonly instances: ReadonlySet<string>
}

/** Inflates and decodes requests, and knows the paths of every agent by their bytes. Changes nothing that is counted. */
export class Preparer {
  readonly #parts: Parts
  readonly #decoder: MetricsDecoder
  readonly #agents = new Map<string, { paths: PathTable; seenMs: number }>()
  readonly #spare: Staged[] = []

  constructor(parts: Parts) {
    this.#parts = parts
    this.#decoder = new MetricsDecoder(parts)
  }

  prepare(delivery: Delivery, nowMs: number): Prepared | Refusal {
    const opened = openDelivery(delivery, this.#parts.body)
    if (isRefusal(opened)) return opened
    const { agent } = delivery.id
    const staged = this.#spare.pop() ?? new Staged()
    staged.clear()
    const known = this.#agents.get(agent) ?? { paths: new PathTable(this.#parts.pathsPerAgent), seenMs: nowMs }
    const found = this.#read(delivery, opened, known.paths, staged, nowMs)
    const refusal = judgeRequest(found, delivery.instance)
    if (refusal) {
      this.#spare.push(staged)
      return refusal
    }
    known.seenMs = nowMs
    this.#agents.set(agent, known)
    return { kind: 'prepared', staged, paths: known.paths, events: found.events, items: found.items, rejections: found.rejections }
  }

  /** Its arrays are used again. */
  release({ staged }: Prepared): void {
    this.#spare.push(staged)
  }

  /** What is known of agents that were silent for 27 hours; returns who they are. */
  forget(nowMs: number): string[] {
    const silent = [...this.#agents].filter(([, { seenMs }]) => seenMs < nowMs - receivedKeptMs).map(([agent]) => agent)
    for (const agent of silent) this.#agents.delete(agent)
    return silent
  }

  #read({ id, signal }: Delivery, bytes: Uint8Array, paths: PathTable, staged: Staged, nowMs: number): Found {
    const bounds = timeBounds(nowMs)
    if (signal === 'metrics') {
      const { points, ...rest } = this.#decoder.decode(bytes, { agent: id.agent, paths, bounds, nowMs }, staged)
      return { ...rest, events: [], items: points }
    }
    const decoded = decodeEvents(bytes, id.agent, this.#parts.owns, bounds, nowMs)
    return { ...decoded, items: decoded.events.length + total(decoded.rejections) }
  }
}

const judgeRequest = ({ fault, instances }: Found, instance: string | undefined): Refusal | undefined => {
  if (fault) return refuseFault(fault)
  const other = instance === undefined ? undefined : [...instances].find(one => one !== instance)
  return other === undefined ? undefined : refuse(403, 'service.instance.id is that of another agent')
}

export const total = (rejections: Rejections): number => Object.values(rejections).reduce((sum, count) => sum + count, 0)
export const problemsOf = (rejections: Rejections): PointProblem[] => Object.keys(rejections) as PointProblem[]
/** What the agent is told of them. */
export const sentenceOf = (rejections: Rejections): string =>
  problemsOf(rejections)
    .map(problem => `${rejections[problem]} × ${problem}: ${pointProblemTexts[problem]}`)
    .join('; ')
