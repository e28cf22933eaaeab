import { type AttributeValue, pointAttributeLimits, readInstanceId, readKeyValue } from '../../wire/otlp-attributes.ts'
import { isProblem, judgeMetric, judgePoint, type PointProblem, type TimeBounds, type Wanted } from '../../wire/otlp-judge.ts'
import type { WirePoint } from '../../wire/otlp-point.ts'
import { faultOf, type MetricHead, type MetricsSink, type ReadFault, readMetrics } from '../../wire/otlp-read.ts'
import type { ColumnNumbers } from '../history/column.ts'
import { isSelf, labelsOf, type PathLabels, selfLabels } from '../history/labels.ts'
import { noPath, type PathTable } from './path-table.ts'
import { splitAttributes } from './raw-attributes.ts'
import { receivedKeptMs } from './received.ts'
import type { Staged } from './staged.ts'
import { Variants } from './variants.ts'

export type Rejections = Partial<Record<PointProblem, number>>
/** Whether a path was this agent's at some time in the 27 hours before. Asked once a minute for each path. */
export type Owns = (agent: string, labels: PathLabels, nowMs: number) => boolean
export type DecodeParts = { readonly numbers: ColumnNumbers; readonly owns: Owns }
export type Batch = { readonly agent: string; readonly paths: PathTable; readonly bounds: TimeBounds; readonly nowMs: number }
export type Decoded = {
  readonly fault?: ReadFault
  readonly rejections: Rejections
  readonly points: number
  readonly instances: ReadonlySet<string>
}

const checkEveryMs = 60_000
/** Points of a request that were looked at by their names, in vain: after so many, what is not known by its bytes is refused unseen. */
const maxFruitless = 1000
const nsPerMinute = 60e9

/** Reads the metrics of agents into staged points. One for all agents: what it learns of metrics and variants is the same for every one. */
export class MetricsDecoder implements MetricsSink {
  readonly #numbers: ColumnNumbers
  readonly #owns: Owns
  readonly #variants = new Map<Wanted, Variants>()
  readonly #kinds = new Uint8Array(64)
  #batch!: Batch
  #staged!: Staged
  #bytes: Buffer = Buffer.alloc(0)
  #view: DataView = new DataView(new ArrayBuffer(0))
  #rejections: Rejections = {}
  #points = 0
  #fruitless = 0
  #instances = new Set<string>()
  #metric: Variants | PointProblem = 'unknown_metric'

  constructor({ numbers, owns }: DecodeParts) {
    this.#numbers = numbers
    this.#owns = owns
  }

  /** What was staged counts only if there is no fault. */
  decode(bytes: Uint8Array, batch: Batch, staged: Staged): Decoded {
    this.#batch = batch
    this.#staged = staged
    this.#rejections = {}
    this.#points = this.#fruitless = 0
    this.#instances = new Set()
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const fault = readMetrics(this.#bytes, this)
    return { fault, rejections: this.#rejections, points: this.#points, instances: this.#instances }
  }

  resource(bytes: Uint8Array, from: number, to: number): void {
    const instance = readInstanceId(bytes, from, to)
    if (instance !== undefined) this.#instances.add(instance)
  }

  metric(head: MetricHead): boolean {
    const judged = judgeMetric(head)
    if (isProblem(judged)) {
      this.#metric = judged
      return false
    }
    let variants = this.#variants.get(judged)
    if (!variants) this.#variants.set(judged, (variants = new Variants(judged)))
    this.#metric = variants
    return true
  }

  unwanted(points: number): void {
    this.#points += points
    this.#reject(isVariants(this.#metric) ? 'wrong_type' : this.#metric, points)
  }

  point(point: WirePoint): void {
    this.#points++
    const metric = this.#metric
    if (!isVariants(metric)) return
    const problem =
      judgePoint(point, metric.wanted.form, this.#batch.bounds) ?? (metric.wanted.isKept ? this.#take(metric, point) : undefined)
    if (problem) this.#reject(problem)
  }

  #take(metric: Variants, point: WirePoint): PointProblem | undefined {
    const { form, isPath } = metric.wanted
    const count = splitAttributes(point, this.#bytes, metric.keys, this.#kinds)
    const columns = metric.find(point, this.#bytes, this.#kinds)
    const path = isPath && columns ? this.#known(point) : noPath
    if (!columns || path === noPath) {
      if (this.#fruitless >= maxFruitless) return 'not_judged'
      const problem = this.#resolve(metric, point, count)
      if (problem) this.#fruitless++
      return problem
    }
    this.#stage(path, columns, point, form === 'exponentialHistogram')
    return undefined
  }

  #known(point: WirePoint): number {
    const { paths, nowMs, agent } = this.#batch
    const path = paths.find(point, this.#view, this.#kinds)
    if (path === noPath) return noPath
    paths.seenMs[path] = nowMs
    if (nowMs - paths.checkedMs[path]! < checkEveryMs) return path
    if (!this.#owns(agent, paths.labels[path]!, nowMs)) return noPath
    paths.checkedMs[path] = nowMs
    return path
  }

  #stage(path: number, columns: readonly number[], point: WirePoint, isHistogram: boolean): void {
    // A window belongs to the minute in which it ends; one that ends with a minute is in that minute.
    const minute = Math.ceil(point.endNs / nsPerMinute) - 1
    for (const column of columns) this.#staged.push(path, column, minute, isHistogram ? undefined : point.value, point)
  }

  /** By names: for what is seen for the first time. */
  #resolve(metric: Variants, point: WirePoint, rawVariants: number): PointProblem | undefined {
    const attributes = this.#readAttributes(point)
    if (!attributes) return 'bad_attributes'
    const values = metric.measure.by.map(name => attributes.get(name) ?? '')
    if (!values.every(value => typeof value === 'string')) return 'bad_attributes'
    const { isPath, form } = metric.wanted
    const path = this.#pathOf(isPath ? labelsOf(attributes) : selfLabels)
    if (typeof path !== 'number') return path
    // What the bytes were not told apart by must not be found by them again.
    const isPlain = rawVariants === values.filter(value => value !== '').length
    if (isPlain && isPath) this.#learnPath(path, point)
    const columns = isPlain ? metric.learn(values, this.#numbers, point, this.#bytes, this.#kinds) : metric.columnsOf(values, this.#numbers)
    this.#stage(path, columns, point, form === 'exponentialHistogram')
    return undefined
  }

  #pathOf(labels: PathLabels | undefined): number | PointProblem {
    if (!labels) return 'bad_attributes'
    const { agent, paths, nowMs } = this.#batch
    if (!isSelf(labels) && !this.#owns(agent, labels, nowMs)) return 'not_owned'
    const path = paths.add(labels, nowMs, receivedKeptMs)
    if (path === noPath) return 'too_many_paths'
    paths.seenMs[path] = paths.checkedMs[path] = nowMs
    return path
  }

  #learnPath(path: number, point: WirePoint): void {
    const { paths } = this.#batch
    if (paths.find(point, this.#view, this.#kinds) === noPath) paths.learn(path, point, this.#bytes, this.#view, this.#kinds)
  }

  #readAttributes(point: WirePoint): Map<string, AttributeValue> | undefined {
    const attributes = new Map<string, AttributeValue>()
    const fault = faultOf(() => {
      for (let k = 0; k < point.attributes; k++) {
        const { key, value } = readKeyValue(this.#bytes, point.from[k]!, point.to[k]!, pointAttributeLimits)
        attributes.set(key, value)
      }
    })
    return fault || attributes.size < point.attributes ? undefined : attributes
  }

  #reject(problem: PointProblem, points = 1): void {
    this.#rejections[problem] = (this.#rejections[problem] ?? 0) + points
  }
}

const isVariants = (metric: Variants | PointProblem): metric is Variants => typeof metric !== 'string'
