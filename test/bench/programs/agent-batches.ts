/** Requests as agents send them: 200 paths, half ICMP and half TCP with ten runs in a window of ten seconds, by agent/record.ts and agent/otlp.ts. */
import { gzipSync } from 'node:zlib'
import { buildResource, encodeRecord } from '../../../agent/otlp.ts'
import type { Path } from '../../../agent/path.ts'
import { packRecord } from '../../../agent/record.ts'
import { resourceAttributes } from '../../../agent/resource.ts'
import { createSelf } from '../../../agent/self.ts'
import { Windows } from '../../../agent/window.ts'
import { connect, echoes, handClock, pathOf, source } from '../../agent/paths.ts'

export const startMs = Date.UTC(2026, 10, 22)
export type AgentBatch = { readonly body: Uint8Array; readonly plainBytes: number; readonly points: number }

const pathsOf = (count: number): Path[] =>
  Array.from({ length: count }, (_, k) => (k % 2 === 0 ? pathOf('icmp', `payments-${k}`) : pathOf('tcp', `payments-${k}`)))

/** A log-normal round-trip time of some `ms`, as networks have them. */
const jitter = (ms: number): number =>
  ms * Math.exp(0.05 * Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random()))

/** `windows` requests, one after another, each from a window of 10 s. */
export const agentBatches = async (
  windows: number,
  count = 200,
  encoding: 'protobuf' | 'json' = 'protobuf',
  fromMs = startMs,
  agentId = 'agent-1',
): Promise<AgentBatch[]> => {
  const paths = pathsOf(count)
  const [clock, self] = [handClock(fromMs), createSelf()]
  const all = new Windows(paths, { clock, self, source })
  const resource = buildResource(
    resourceAttributes({
      version: '1.0.0',
      agentId,
      hostName: 'ip-10-0-0-1',
      place: source,
      cluster: 'prod',
      namespace: 'causeway',
      node: 'n1',
    }),
  )
  const batches: AgentBatch[] = []
  for (let window = 0; window < windows; window++) {
    for (const [index, { key, kind }] of paths.entries())
      for (let run = 0; run < 10; run++) {
        const ms = jitter(20 + index / 10)
        const result = kind === 'icmp' ? echoes(run === 0 ? [] : [ms], run === 0 ? 1 : 0) : connect(ms)
        all.record(index, { ...result, phasesMs: { ...result.phasesMs, total: ms + 1 } }, { key, lateMs: 1 })
      }
    clock.pass(10_000)
    for (const record of all.close().records()) {
      const { body, points } = await encodeRecord(packRecord(record), resource, encoding)
      batches.push({ body: gzipSync(body), plainBytes: body.length, points })
    }
  }
  return batches
}
