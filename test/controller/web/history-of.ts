/** The history as the routes ask it, answered in this thread from the store's blobs; and blobs to ask it about. */

import type { Cell } from '../../../controller/history/aggregate.ts'
import { decodeBlob, encodeBlob } from '../../../controller/history/blob.ts'
import type { PathLabels } from '../../../controller/history/labels.ts'
import { queryHistory } from '../../../controller/history/query.ts'
import { asQuery } from '../../../controller/history/question.ts'
import { appendHistory, readHistory } from '../../../controller/store/history.ts'
import type { Store } from '../../../controller/store/store.ts'
import type { HistoryReader } from '../../../controller/web/parts.ts'
import { histogramOf } from '../../../wire/histogram.ts'

const resolutionMs = 60_000

export const historyOf = (store: Store): HistoryReader => ({
  query: async question => {
    const { fromMs, toMs } = question
    const rows = await store.read(sql => readHistory(sql, { resolutionMs, fromMs, toMs }))
    const aggregates = rows.flatMap(({ agentId, parts }) =>
      parts.map(({ bytes }) => {
        const decoded = decodeBlob(bytes)
        if (!decoded.ok) throw new Error(decoded.problems.join('; '))
        return { agent: agentId, aggregate: decoded.value }
      }),
    )
    return queryHistory(aggregates, asQuery(question))
  },
})

/** What an agent measured of a path in a minute. */
export type Minute = {
  agent: string
  startMs: number
  labels: Partial<PathLabels> & Pick<PathLabels, 'check' | 'target'>
  ok?: number
  fail?: Record<string, number>
  rttSeconds?: number[]
  sent?: number
  received?: number
}

export const keep = async (store: Store, minutes: readonly Minute[]): Promise<void> => {
  for (const { agent, startMs, labels, ...seen } of minutes) {
    const blob = encodeBlob({
      startMs,
      spanMs: resolutionMs,
      paths: [{ labels: { kind: 'tcp', host: 'h', ...labels }, cells: cellsOf(seen) }],
    })
    await store.write(sql => appendHistory(sql, { agentId: agent, resolutionMs, startMs }, blob))
  }
}

const cellsOf = ({ ok = 0, fail = {}, rttSeconds = [], sent = 0, received = 0 }: Omit<Minute, 'agent' | 'startMs' | 'labels'>): Cell[] => {
  const sum = (key: string, variant: string[], value: number): Cell[] => (value ? [{ column: { key, form: 'sum', variant }, value }] : [])
  return [
    ...sum('runs', ['ok', ''], ok),
    ...Object.entries(fail).flatMap(([reason, count]) => sum('runs', ['fail', reason], count)),
    ...sum('icmpPackets', ['sent'], sent),
    ...sum('icmpPackets', ['received'], received),
    ...(rttSeconds.length
      ? [{ column: { key: 'rtt', form: 'times' as const, variant: [] }, value: histogramOf(rttSeconds.toSorted((a, b) => a - b)) }]
      : []),
  ]
}
