/** Agents whose data is of now, and what became of it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { decodeBlob } from '../../../controller/history/blob.ts'
import { queryHistory } from '../../../controller/history/query.ts'
import type { Delivery } from '../../../controller/ingest/delivery.ts'
import { readHistory } from '../../../controller/store/history.ts'
import { readOpenMinutes } from '../../../controller/store/open-history.ts'
import type { Store } from '../../../controller/store/store.ts'
import { agentBatches } from '../../bench/programs/agent-batches.ts'

const minuteMs = 60_000
export const paths = 20
/** Windows of one minute that is over, but not for so long that it would not be taken. */
export const minuteStartMs = Math.floor(Date.now() / minuteMs) * minuteMs - 5 * minuteMs
export const windows = await agentBatches(6, paths, 'protobuf', minuteStartMs)
/** Every path has ten runs in a window. */
export const runsPerBatch = paths * 10

/** What agentBatches measures. */
export const assigned = ['icmp', 'tcp'].map((kind, odd) => ({
  check: `mesh-${kind}`,
  targets: Array.from({ length: paths / 2 }, (_, k) => `payments-${2 * k + odd}`),
}))

export const deliver = (agent: string, sequence: number, boot = 'boot-1'): Delivery => ({
  id: { agent, boot, sequence },
  signal: 'metrics',
  encoding: 'protobuf',
  isGzip: true,
  body: windows[sequence % windows.length]!.body,
})

/** Runs that are in the history and in what is open, by agent. */
export const runsOf = async (store: Pick<Store, 'read'>, { open = true } = {}): Promise<Map<string, number>> => {
  const span = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER }
  const [rows, minutes] = await store.read(
    async sql => [await readHistory(sql, { ...span, resolutionMs: minuteMs }), await readOpenMinutes(sql, span)] as const,
  )
  const blobs = [
    ...rows.flatMap(({ agentId, parts }) => parts.map(({ bytes }) => ({ agent: agentId, bytes }))),
    ...(open ? minutes.map(({ agent, blob }) => ({ agent, bytes: blob })) : []),
  ]
  const given = blobs.map(({ agent, bytes }) => {
    const decoded = decodeBlob(bytes)
    if (!decoded.ok) throw new Error(decoded.problems.join())
    return { agent, aggregate: decoded.value }
  })
  return new Map(queryHistory(given, { ...span, groupBy: (_, agent) => agent }).map(({ group, summary }) => [group, summary.runs.ok]))
}

/** Asks again until it is so. */
export const until = async (isSo: () => Promise<boolean> | boolean): Promise<void> => {
  while (!(await isSo())) await sleep(20)
}
