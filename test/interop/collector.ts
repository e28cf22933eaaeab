/** A real OpenTelemetry Collector that writes what it took, as OTLP JSON, to files. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { type Signal, signals } from '../../agent/send/endpoint.ts'
import { collector } from './needs-collector.ts'
import { freePorts, keepRunning, waitFor } from './programs.ts'

/** One way in: its own address, and all that came in there. */
export type Inlet = { url: string; metrics(): object[]; logs(): object[]; traces(): object[] }

/** Starts it with so many receivers, each with pipelines of its own. Ends with the test. */
export const startCollector = async (t: Test, folder: string, names: readonly string[]): Promise<Record<string, Inlet>> => {
  const ports = await freePorts(names.length)
  const each = <T>(make: (name: string, i: number) => [string, T][]): Record<string, T> => Object.fromEntries(names.flatMap(make))
  const file = (name: string, signal: string): string => join(folder, `${name}.${signal}.json`)
  const config = {
    receivers: each((name, i) => [[`otlp/${name}`, { protocols: { http: { endpoint: `127.0.0.1:${ports[i]}` } } }]]),
    exporters: each(name => signals.map(signal => [`file/${name}-${signal}`, { path: file(name, signal), flush_interval: '200ms' }])),
    service: {
      telemetry: { metrics: { level: 'none' } },
      pipelines: each(name =>
        signals.map(signal => [`${signal}/${name}`, { receivers: [`otlp/${name}`], exporters: [`file/${name}-${signal}`] }]),
      ),
    },
  }
  writeFileSync(join(folder, 'collector.yaml'), JSON.stringify(config))
  const { isRunning } = keepRunning(t, collector!, [`--config=file:${join(folder, 'collector.yaml')}`], join(folder, 'collector.log'))
  const urls = ports.map(port => `http://127.0.0.1:${port}`)
  await waitFor('Collector that listens', async () => {
    if (!isRunning()) throw new Error(`it ended: ${readFileSync(join(folder, 'collector.log'), 'utf8').slice(-2000)}`)
    const answers = await Promise.all(
      urls.map(url =>
        fetch(`${url}/v1/metrics`).then(
          ({ status }) => status,
          () => undefined,
        ),
      ),
    )
    return answers.every(status => status === 405) ? true : undefined
  })
  const read = (path: string): object[] =>
    existsSync(path)
      ? readFileSync(path, 'utf8')
          .split('\n')
          .filter(line => line !== '')
          .map(line => JSON.parse(line) as object)
      : []
  const of = (name: string, signal: Signal) => () => read(file(name, signal))
  return each((name, i) => [[name, { url: urls[i]!, metrics: of(name, 'metrics'), logs: of(name, 'logs'), traces: of(name, 'traces') }]])
}
