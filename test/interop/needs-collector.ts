import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const names = ['otelcol', 'otelcorecol', 'otelcol-contrib'] as const

/** The OpenTelemetry Collector that is on the PATH, by whatever name. It needs the receiver `otlp` and the exporter `file`. */
export const collector = names.find(name =>
  (process.env['PATH'] ?? '').split(delimiter).some(folder => folder !== '' && existsSync(join(folder, name))),
)

/** For tap's `skip`: false where there is one, else what would let the test run. */
export const needsCollector: false | string = collector
  ? false
  : 'needs an OpenTelemetry Collector (otelcol) on the PATH: a release of opentelemetry-collector-releases, or built from test/interop/collector-builder.yaml'
