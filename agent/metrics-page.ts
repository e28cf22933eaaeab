/** The page for Prometheus. Loads prom-client, so it is to be imported at the first scrape and not before. */
import { setImmediate } from 'node:timers/promises'
import { Counter, Gauge, Registry, Summary } from 'prom-client'
import type { Series } from './columns.ts'
import { type Attributes, type Measure, measureOf, pathAttributes, quantiles, sourceAttributes, variantAttributes } from './metrics.ts'
import type { Place } from './path.ts'
import { prometheusLabel, prometheusName } from './prometheus-names.ts'
import type { TimesTotal, Totals } from './totals.ts'
import type { Windows } from './window.ts'

export type PageOf = {
  readonly windows: Pick<Windows, 'totals' | 'current'>
  readonly self: { readonly totals: Totals }
  readonly source?: Place
  /** Also what is a detail: the phases of a run. */
  readonly details: boolean
}

export const contentType = Registry.PROMETHEUS_CONTENT_TYPE

type Labels = Record<string, string | number>
/** A line as prom-client's registry prints it; `sharedLabels` become text once for all lines that have them. */
type Line = { value: number; labels: Labels; sharedLabels: Labels; metricName?: string }
type Owner = { readonly totals: Totals; readonly row: number; readonly labels: Labels }

/**
 * All metrics as of the last closed window, in parts: one metric at a time, and its lines are garbage when the next is made. What is between
 * two scrapes stays in typed arrays.
 */
export async function* renderPage({ windows, self, source, details }: PageOf): AsyncGenerator<string> {
  const own: Owner = { totals: self.totals, row: 0, labels: toLabels(sourceAttributes(source)) }
  const paths: Owner[] = []
  for (const { row, labels } of windows.current())
    paths.push({ totals: windows.totals, row, labels: toLabels(pathAttributes(labels, source)) })
  for (const [totals, owners] of [
    [windows.totals, paths],
    [self.totals, [own]],
  ] as const)
    for (const [measure, series] of byMeasure(totals.series)) {
      if (measure.isDetail && !details) continue
      await setImmediate()
      yield `${await renderMetric(measure, series, owners)}\n`
    }
}

const toLabels = (attributes: Attributes): Labels =>
  Object.fromEntries(Object.entries(attributes).map(([name, value]) => [prometheusLabel(name), value]))

const byMeasure = (series: readonly Series[]): Map<Measure, Series[]> => Map.groupBy(series, ({ key }) => measureOf(key)!)

const kinds = {
  sum: { Metric: Counter, type: 'counter' },
  gauge: { Metric: Gauge, type: 'gauge' },
  times: { Metric: Summary, type: 'summary' },
} as const

/** prom-client's own metric, which would keep an object per series, reads its lines from the totals instead. */
const renderMetric = async (measure: Measure, series: readonly Series[], owners: readonly Owner[]): Promise<string> => {
  const registry = new Registry()
  const [name, help] = [prometheusName(measure), measure.help]
  const { Metric, type } = kinds[measure.form]
  const values = series.flatMap(one => linesOf(measure, one, name, owners))
  Object.assign(new Metric({ name, help, registers: [registry] }), { get: async () => ({ name, help, type, values }) })
  return await registry.getSingleMetricAsString(name)
}

const linesOf = (measure: Measure, series: Series, name: string, owners: readonly Owner[]): Line[] => {
  const labels = toLabels(variantAttributes(measure, series.variant))
  return owners.flatMap(({ totals, row, labels: sharedLabels }): Line[] => {
    const total = totals.read(row, series)
    if (total === undefined) return []
    if (typeof total === 'number') return [{ value: total, labels, sharedLabels }]
    return [
      ...(measure.quantiles === undefined ? [] : quantileLines(total, sharedLabels)),
      { metricName: `${name}_sum`, value: total.sum, labels, sharedLabels },
      { metricName: `${name}_count`, value: total.count, labels, sharedLabels },
    ]
  })
}

const quantileLines = (total: TimesTotal, sharedLabels: Labels): Line[] =>
  quantiles.flatMap((quantile, place) => {
    const value = total.quantiles[place]!
    return Number.isNaN(value) ? [] : [{ value, labels: { quantile }, sharedLabels }]
  })
