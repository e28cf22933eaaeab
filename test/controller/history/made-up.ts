/** Minutes of agents as ingest makes them, and leases to look after them. */
import type { Aggregate } from '../../../controller/history/aggregate.ts'
import { encodeBlob } from '../../../controller/history/blob.ts'
import { appendHistory } from '../../../controller/store/history.ts'
import { type Lease, takeLease } from '../../../controller/store/leases.ts'
import type { Store } from '../../../controller/store/store.ts'
import { emptyHistogram, record } from '../../../wire/histogram.ts'

export const minuteMs = 60_000
export const labelsOf = (target: string) => ({
  check: 'mesh',
  kind: 'tcp',
  target,
  host: `${target}.example`,
  source: { cloud: 'aws', region: 'us-east-1' },
  destination: { cloud: 'azure', region: target === 'x' ? 'eastus' : 'westus' },
})

/** Of each target `runs` runs of so many ms. */
export const aggregate = (startMs: number, runs: number, ms = 20, targets: readonly string[] = ['x']): Aggregate => ({
  startMs,
  spanMs: minuteMs,
  paths: targets.map(target => {
    const rtt = emptyHistogram()
    for (let k = 0; k < runs; k++) record(rtt, (ms * (1 + k / runs / 10)) / 1000)
    return {
      labels: labelsOf(target),
      cells: [
        { column: { key: 'runs', form: 'sum', variant: ['ok', ''] }, value: runs },
        { column: { key: 'rtt', form: 'times', variant: [] }, value: rtt },
      ],
    }
  }),
})

export const append = (store: Pick<Store, 'write'>, agentId: string, minute: Aggregate): Promise<void> =>
  store.write(sql => appendHistory(sql, { agentId, resolutionMs: minute.spanMs, startMs: minute.startMs }, encodeBlob(minute)))

export const lead = async (store: Pick<Store, 'write'>): Promise<Lease> =>
  (await store.write(sql => takeLease(sql, 'leader', 'test', 3_600_000)))!
