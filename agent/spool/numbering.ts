import { randomBytes } from 'node:crypto'
import type { NewRecord, RecordKind, SpooledRecord } from './record.ts'

type Series = { readonly boot: string; last: number }

/**
 * Gives records the identity of their batch. Spans are numbered by themselves, in a boot of their own: not every endpoint takes them, and what a receiver
 * gets is to have no gaps but for what is lost.
 */
export const numbering = (boot: string): ((record: NewRecord) => SpooledRecord) => {
  const measured: Series = { boot, last: 0 }
  const series: Record<RecordKind, Series> = {
    windows: measured,
    events: measured,
    spans: { boot: randomBytes(8).toString('hex'), last: 0 },
  }
  return record => {
    const own = series[record.kind]
    own.last += 1
    return { ...record, boot: own.boot, sequence: own.last }
  }
}
