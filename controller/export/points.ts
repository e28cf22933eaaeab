/** The totals of paths as points of metrics, in the terms of `wire/metrics.ts`: what the page for Prometheus and OTLP both are made of. */
import { type Histogram, quantileOf } from '../../wire/histogram.ts'
import { type Measure, measureOf, quantiles, variantAttributes } from '../../wire/metrics.ts'
import type { Cell } from '../history/aggregate.ts'
import { attributesOf } from '../history/labels.ts'
import type { PathTotal } from './cumulative.ts'

export type Attributes = Record<string, string | number>
/** `quantiles`: of the newest minute, by the order of `wire/metrics.ts`. */
export type Times = { histogram: Histogram; quantiles: readonly number[] }
export type Point = { attributes: Attributes; startMs: number; endMs: number; value: number | Times }
export type Metric = { measure: Measure; points: Point[] }

/** By metric, in the order of the paths. */
export const metricsOf = (paths: Iterable<PathTotal>): Metric[] => {
  const metrics = new Map<string, Metric>()
  const add = (key: string, point: Point): void => {
    const measure = measureOf(key)
    if (!measure) return
    let metric = metrics.get(key)
    if (!metric) metrics.set(key, (metric = { measure, points: [] }))
    metric.points.push(point)
  }
  for (const path of paths) {
    const { startMs, endMs, latest } = path
    const attributes: Attributes = { 'causeway.agent': path.agent, ...attributesOf(path.labels) }
    const newest = new Map(latest.filter(({ column }) => column.form === 'times').map(({ column, value }) => [variantKey(column), value]))
    for (const { column, value } of path.sums.cells) {
      const at = { attributes: { ...attributes, ...variantOf(column) }, startMs, endMs }
      if (typeof value === 'number') add(column.key, { ...at, value })
      else add(column.key, { ...at, value: { histogram: value, quantiles: quantilesOf(newest.get(variantKey(column))) } })
    }
    for (const { column, value } of latest)
      if (column.form === 'last' && typeof value === 'number')
        add(column.key, { attributes: { ...attributes, ...variantOf(column) }, startMs, endMs, value })
  }
  return [...metrics.values()]
}

const variantKey = ({ key, variant }: Cell['column']): string => [key, ...variant].join('\0')
const variantOf = ({ key, variant }: Cell['column']): Attributes => {
  const measure = measureOf(key)
  return measure ? variantAttributes(measure, variant) : {}
}
const quantilesOf = (value: number | Histogram | undefined): number[] =>
  typeof value === 'object' ? quantiles.map(q => quantileOf(value, q) ?? Number.NaN) : []
