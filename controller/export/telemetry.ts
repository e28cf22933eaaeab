/**
 * What leaves the controller by OTLP, through the OpenTelemetry SDK: its own metrics and traces, and as the leader those of all paths. Loaded only where there
 * is somewhere to send it.
 */
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { AggregationTemporality, type MetricProducer, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { NodeSDK } from '@opentelemetry/sdk-node'
import type { Export } from '../config/read.ts'

export type TelemetryOptions = {
  exports: readonly Export[]
  /** OpenTelemetry's own variables are honoured as they are. */
  environment: Readonly<Record<string, string | undefined>>
  version: string
  instance: string
  producers: MetricProducer[]
}
type ExporterConfig = NonNullable<ConstructorParameters<typeof OTLPMetricExporter>[0]>

/** Whether anything is to be sent. */
export const hasTelemetry = ({ exports, environment }: Pick<TelemetryOptions, 'exports' | 'environment'>): boolean =>
  exports.length > 0 || hasEndpoint(environment, 'METRICS') || hasEndpoint(environment, 'TRACES')

const hasEndpoint = (environment: TelemetryOptions['environment'], signal: 'METRICS' | 'TRACES'): boolean =>
  environment['OTEL_SDK_DISABLED'] !== 'true' &&
  Boolean(environment['OTEL_EXPORTER_OTLP_ENDPOINT'] || environment[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`])

/** Sends until it is closed, and then what is left. An endpoint that is away misses what it misses: cumulative points make up for it when it is back. */
export const startTelemetry = (options: TelemetryOptions): { close(): Promise<void> } => {
  const { exports, environment, version, instance, producers } = options
  const reader = (config: ExporterConfig, everyMs: number): PeriodicExportingMetricReader =>
    new PeriodicExportingMetricReader({
      exporter: new OTLPMetricExporter({ ...config, temporalityPreference: AggregationTemporality.CUMULATIVE }),
      exportIntervalMillis: everyMs,
      exportTimeoutMillis: Math.min(everyMs, 10_000),
      metricProducers: producers,
    })
  const readers = exports.map(({ url, headers, everyMs }) => {
    const revealed = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.reveal()]))
    const compression = 'gzip' as NonNullable<ExporterConfig['compression']>
    return reader({ url: `${url.replace(/\/+$/, '')}/v1/metrics`, headers: revealed, compression }, everyMs)
  })
  if (hasEndpoint(environment, 'METRICS')) readers.push(reader({}, Number(environment['OTEL_METRIC_EXPORT_INTERVAL']) || 60_000))
  const sdk = new NodeSDK({
    resource: resourceFromAttributes({
      'service.name': 'causeway-controller',
      'service.version': version,
      'service.instance.id': instance,
    }),
    autoDetectResources: false,
    instrumentations: [],
    metricReaders: readers,
    logRecordProcessors: [],
    // Where the SDK would look for a collector on this host by itself.
    ...(hasEndpoint(environment, 'TRACES') ? {} : { spanProcessors: [] }),
  })
  sdk.start()
  return { close: () => sdk.shutdown() }
}
