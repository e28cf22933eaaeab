import type { Disk } from './disk.ts'
import type { Waiting } from './waiting.ts'

/** From now on these are the endpoints, once what waits has been written. A new one has no part in what there is, and one that goes gives its part up. */
export const changeEndpoints = async (disk: Disk, waiting: Waiting, names: readonly string[]): Promise<void> => {
  const { ledgers, store } = disk
  const from = (await store?.seal()) ?? 0
  for (const e of [...ledgers.keys()]) if (!names.includes(e)) disk.note({ t: 'leave', e })
  for (const e of names.filter(name => !ledgers.has(name))) {
    disk.note({ t: 'join', e, from })
    for (const { settled } of waiting.list) settled.add(e)
  }
  waiting.sweep(ledgers.keys())
}
