import type { Measure } from './metrics.ts'

const unitSuffixes: Readonly<Record<string, string>> = { s: '_seconds', By: '_bytes' }

/** As OpenTelemetry translates names for Prometheus (compatibility/prometheus_and_openmetrics.md): unit and `_total` are suffixes. */
export const prometheusName = ({ name, unit, form }: Measure): string => {
  const base = name.replaceAll('.', '_')
  const suffix = unitSuffixes[unit] ?? ''
  return `${base}${base.endsWith(suffix) ? '' : suffix}${form === 'sum' ? '_total' : ''}`
}

/** Labels of Prometheus are the bare words: `source_cloud`, `outcome`, `error_type`. */
export const prometheusLabel = (attribute: string): string => attribute.replace(/^causeway\./, '').replaceAll(/[^A-Za-z0-9]/g, '_')
