/** Records whose payload says which were produced: a list of numbers, and merging makes one list of several. */
import { randomBytes } from 'node:crypto'
import type { Ledger } from '../../../agent/spool/options.ts'
import type { NewRecord, SpooledRecord } from '../../../agent/spool/record.ts'
import type { Spool } from '../../../agent/spool/spool.ts'

/** `padBytes` can't be compressed, and are lost in a merge. */
export const numbered = (number: number, rest: Partial<Omit<NewRecord, 'payload'>> = {}, padBytes = 0): NewRecord => ({
  kind: 'windows',
  atMs: number * 10_000,
  spanMs: 10_000,
  items: 1,
  ...rest,
  payload: Buffer.from(`${JSON.stringify([number])}${randomBytes(padBytes / 2).toString('latin1')}`, 'latin1'),
})

export const numbersOf = ({ payload }: SpooledRecord): number[] =>
  JSON.parse(Buffer.from(payload).toString('latin1').replace(/\].*$/s, ']')) as number[]

export const mergeNumbered = (payloads: Uint8Array[]): Uint8Array =>
  Buffer.from(JSON.stringify(payloads.flatMap(payload => numbersOf({ payload } as SpooledRecord))))

export const droppedOf = ({ dropped }: Ledger): number => Object.values(dropped).reduce((sum, items) => sum + items, 0)
export const isExact = (ledger: Ledger): boolean =>
  ledger.produced === ledger.delivered + ledger.spooled + droppedOf(ledger) &&
  [ledger.produced, ledger.delivered, ledger.spooled, ...Object.values(ledger.dropped)].every(
    items => Number.isInteger(items) && items >= 0,
  )

/** Takes everything that the endpoint has yet to get, and says that it has it. */
export const drain = async (spool: Spool, endpoint: string): Promise<SpooledRecord[]> => {
  const records: SpooledRecord[] = []
  for (;;) {
    const held = await spool.next(endpoint, records.length % 2 === 0 ? 'newest' : 'oldest')
    if (!held) return records
    records.push(held.record)
    spool.settle(held)
  }
}
