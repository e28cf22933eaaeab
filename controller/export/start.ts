/** Export: the leader adds up the minutes of all agents as they are stored, for the page and for the OTLP endpoints. Another replica has its own metrics only. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { ControllerConfig } from '../config/read.ts'
import type { Counters } from '../metrics.ts'
import type { Store } from '../store/store.ts'
import { Cumulative } from './cumulative.ts'
import { followMinutes, type Minutes } from './follow-minutes.ts'

/** More make no page that anything scrapes, nor a request that anything takes; their agents send to a backend themselves. */
export const mostPaths = 20_000
const readEveryMs = 5000
const closeMs = 3000
/** Of a path that is measured once an hour something comes within two. */
const forgetAfterMs = 2 * 3_600_000

export type ExportOptions = {
  config: Pick<ControllerConfig, 'exports'>
  environment: Readonly<Record<string, string | undefined>>
  version: string
  instance: string
  store: Pick<Store, 'read'>
  counters: Counters
  isLeader: () => boolean
  nowMs: () => number
  /** The store was away, or something like it: said once. */
  onProblem: (problem: unknown) => void
}

export type Exporting = {
  /** The paths' part of the page for Prometheus; the first call begins the counting. */
  page(): AsyncIterable<string>
  /** Looks for new minutes at once. */
  read(): Promise<void>
  /** Sends what there is. */
  close(): Promise<void>
}

export const startExport = async (options: ExportOptions): Promise<Exporting> => {
  const { config, environment, version, instance, store, counters, isLeader, nowMs, onProblem } = options
  let isWanted = false
  let leading: { totals: Cumulative; minutes: Minutes } | undefined
  let reading: Promise<void> | undefined
  const step = async (): Promise<void> => {
    if (!isWanted || !isLeader()) {
      leading = undefined
      return
    }
    leading ??= { totals: new Cumulative(mostPaths), minutes: await followMinutes(store, nowMs) }
    const { totals, minutes } = leading
    await minutes.read((agent, aggregate) => totals.add(agent, aggregate))
    totals.forget(nowMs() - forgetAfterMs)
  }
  const read = (): Promise<void> => {
    reading ??= step()
      .catch(onProblem)
      .finally(() => {
        reading = undefined
      })
    return reading
  }
  const totals = (): Cumulative | undefined => leading?.totals
  const telemetry = await startSdk()
  const timer = setInterval(() => void read(), readEveryMs)
  timer.unref()

  async function startSdk(): Promise<{ close(): Promise<void> } | undefined> {
    const given = { exports: config.exports, environment }
    if (config.exports.length === 0 && !Object.keys(environment).some(name => name.startsWith('OTEL_EXPORTER_OTLP'))) return undefined
    const { hasTelemetry, startTelemetry } = await import('./telemetry.ts')
    if (!hasTelemetry(given)) return undefined
    const { produceOwn, producePaths } = await import('./otlp.ts')
    isWanted = true
    await read()
    return startTelemetry({ ...given, version, instance, producers: [produceOwn(counters.registry, nowMs(), nowMs), producePaths(totals)] })
  }

  return {
    async *page() {
      isWanted = true
      await read()
      const { renderPaths } = await import('./page.ts')
      const now = totals()
      if (now) yield* renderPaths(now)
    },
    read,
    async close() {
      clearInterval(timer)
      // What an endpoint does not take now it misses: whoever ends the controller is not kept waiting for it.
      const patience = new AbortController()
      const flush = read().then(() => telemetry?.close())
      await Promise.race([flush.catch(onProblem), sleep(closeMs, undefined, { signal: patience.signal, ref: false }).catch(() => {})])
      patience.abort()
    },
  }
}
