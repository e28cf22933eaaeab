/** What can be asked of a spool at any time: nothing here waits or changes anything. */
import type { Disk } from './disk.ts'
import { emptyTally, spooledItems } from './ledger.ts'
import type { Ledger, SpoolState } from './options.ts'
import { owedItems } from './pending.ts'
import { pick } from './pick.ts'
import type { SpooledRecord } from './record.ts'
import type { Waiting } from './waiting.ts'

export const ledgerOf = ({ ledgers }: Disk, { list }: Waiting, endpoint: string): Ledger => {
  const state = ledgers.get(endpoint)
  const { produced, delivered, dropped } = state?.tally ?? emptyTally()
  const owed = state ? owedItems(list, endpoint) : 0
  return { produced: produced + owed, delivered, dropped: { ...dropped }, spooled: (state ? spooledItems(state) : 0) + owed }
}

export const holdsWindow = ({ store }: Disk, { boot, atMs, group = 0 }: SpooledRecord): boolean =>
  (store?.segments ?? []).some(({ entries }) =>
    entries.some(one => one.kind === 'windows' && one.boot === boot && one.atMs === atMs && one.group === group),
  )

export const oldestAtMsOf = ({ ledgers, store }: Disk, waiting: Waiting, endpoint: string): number | undefined => {
  const state = ledgers.get(endpoint)
  const picked = state && store && pick(state, store.segments, 'oldest')
  if (picked) return picked.segment.entries.at(picked.place).atMs
  return state && waiting.next(endpoint, 'oldest', () => false)?.record.atMs
}

export const stateOf = ({ store, degraded, problems }: Disk, { bytes }: Waiting, limitBytes: number): SpoolState => ({
  bytes: store?.bytes ?? 0,
  limitBytes,
  segments: store?.segments.length ?? 0,
  inMemoryBytes: bytes,
  mergedAway: store?.mergedAway ?? 0,
  ...(degraded ? { degraded: { ...degraded } } : {}),
  problems: [...problems],
})
