/** The page for Prometheus. Loads prom-client, so it is to be imported at the first scrape and not before. */
import { setImmediate } from 'node:timers/promises'
import { Counter, Gauge, Registry, Summary } from 'prom-client'
import { type Measure, measureOf, quantiles, variantAttributes } from '../wire/metrics.ts'
import { prometheusLabel, prometheusName } from '../wire/prometheus-names.ts'
import type { Series } from './columns.ts'
import { type Attributes, pathAttributes, sourceAttributes } from './metrics.ts'
import type { Place } from './path.ts'
import type { TimesTotal, Totals } from './totals.ts'
import type { Windows } from './window.ts'

export type PageOf = {
  readonly windows: Pick<Windows, 'totals' | 'current' | 'keyOf'>
  readonly self: { readonly totals: Totals }
  readonly source?: Place
  /** Also what is a detail: the phases of a run. */
  readonly details: boolean
}

export const contentType = Registry.PROMETHEUS_CONTENT_TYPE

type Labels = Record<string, string | number>
/** A line as prom-client's registry prints it; `sharedLabels` become text once for all lines that have them. */
type Line = { value: number; labels: Labels; sharedLabels: Labels; metricName?: string }
/** Whose row it is; a row may be given to another path while a page is made. */
type Owner = { readonly totals: Totals; readonly row: number; readonly labels: Labels; readonly isStill: () => boolean }

/** Lines of so many paths are made in one go: 2 ms or so. */
const pathsPerPart = 200
/**
 * After so long other work gets its turn; after longer where that takes long itself, or the page would never end: a tenth of the time, as far as no run
 * suffers from it.
 */
const turnMs = { least: 4, most: 20 }

/**
 * All metrics as of the last closed window, in small parts, of which each is garbage when the next is made. What is between two scrapes stays in typed
 * arrays.
 */
export async function* renderPage({ windows, self, source, details }: PageOf): AsyncGenerator<string> {
  const own: Owner = { totals: self.totals, row: 0, labels: toLabels(sourceAttributes(source)), isStill: () => true }
  const parts = remember(ownersOf(windows, source))
  let untilMs = performance.now() + turnMs.least
  for (const part of [renderMetrics([[own]], self.totals, details), renderMetrics(parts, windows.totals, details)])
    for await (const text of part) {
      yield text
      const doneMs = performance.now()
      if (doneMs < untilMs) continue
      await setImmediate()
      const nowMs = performance.now()
      untilMs = nowMs + Math.min(turnMs.most, Math.max(turnMs.least, (nowMs - doneMs) / 10))
    }
}

function* ownersOf(windows: PageOf['windows'], source: Place | undefined): Generator<Owner[]> {
  let part: Owner[] = []
  for (const { row, key, labels } of windows.current()) {
    const isStill = (): boolean => windows.keyOf(row) === key
    part.push({ totals: windows.totals, row, labels: toLabels(pathAttributes(labels, source)), isStill })
    if (part.length < pathsPerPart) continue
    yield part
    part = []
  }
  if (part.length > 0) yield part
}

/** Made when first asked for, so that the page begins at once, and kept for the next metric. */
const remember = <T>(source: Iterator<T>): Iterable<T> => {
  const made: T[] = []
  return {
    *[Symbol.iterator]() {
      for (let i = 0; ; i++) {
        if (i === made.length) {
          const next = source.next()
          if (next.done) return
          made.push(next.value)
        }
        yield made[i]!
      }
    },
  }
}

async function* renderMetrics(parts: Iterable<Owner[]>, totals: Totals, details: boolean): AsyncGenerator<string> {
  for (const [measure, series] of Map.groupBy(totals.series, ({ key }) => measureOf(key)!)) {
    if (measure.page === 'details' && !details) continue
    let isFirst = true
    for (const owners of parts) {
      const text = await renderMetric(measure, series, owners)
      yield isFirst ? text : withoutHeader(text)
      isFirst = false
    }
  }
}

/** HELP and TYPE stand once above all lines of a metric. */
const withoutHeader = (text: string): string => text.slice(text.indexOf('\n', text.indexOf('\n') + 1) + 1)

const toLabels = (attributes: Attributes): Labels =>
  Object.fromEntries(Object.entries(attributes).map(([name, value]) => [prometheusLabel(name), value]))

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
  return `${await registry.getSingleMetricAsString(name)}\n`
}

const linesOf = (measure: Measure, series: Series, name: string, owners: readonly Owner[]): Line[] => {
  const labels = toLabels(variantAttributes(measure, series.variant))
  return owners.flatMap(({ totals, row, labels: sharedLabels, isStill }): Line[] => {
    const total = isStill() ? totals.read(row, series) : undefined
    if (total === undefined) return []
    if (typeof total === 'number') return [{ value: round(total), labels, sharedLabels }]
    return [
      ...(measure.page === 'quantiles' ? quantileLines(total, sharedLabels) : []),
      { metricName: `${name}_sum`, value: round(total.sum), labels, sharedLabels },
      { metricName: `${name}_count`, value: total.count, labels, sharedLabels },
    ]
  })
}

const quantileLines = (total: TimesTotal, sharedLabels: Labels): Line[] =>
  quantiles.flatMap((quantile, place) => {
    const value = total.quantiles[place]!
    return Number.isNaN(value) ? [] : [{ value: round(value), labels: { quantile }, sharedLabels }]
  })

/** Sums of fractions have digits at their end that nobody measured: nine are kept. Counts are whole, and stay as they are. */
const round = (value: number): number => (Number.isInteger(value) ? value : Number(value.toPrecision(9)))
