import type { Files } from './files.ts'
import { apply, emptyLedger, type LedgerState, type Line } from './ledger.ts'
import type { Lock } from './lock.ts'
import { segmentBytesOf } from './options.ts'
import { dropReasons } from './record.ts'
import { type Recovered, recover } from './recover.ts'
import { Store } from './store.ts'
import type { StoreOptions } from './store-options.ts'

export type Attached = { store: Store; lock: Lock; problems: string[] }

/** Takes the directory and reads what is in it. Rejects when it can't be used now; throws `DirectoryInUse` when another agent has it. */
export const attach = async (
  files: Files,
  endpoints: readonly string[],
  { limitBytes, merge, takes, underWay }: Pick<StoreOptions, 'limitBytes' | 'merge' | 'takes' | 'underWay'>,
): Promise<Attached> => {
  await files.prepare()
  const lock = files.lock()
  try {
    const recovered = await recover(files, endpoints, takes)
    const store = new Store({ files, limitBytes, segmentBytes: segmentBytesOf(limitBytes), merge, takes, underWay }, recovered)
    return { store, lock, problems: [...(lock.problem === undefined ? [] : [`not locked: ${lock.problem}`]), ...sayDamage(recovered)] }
  } catch (error) {
    lock.release()
    throw error
  }
}

const sayDamage = ({ badBytes, badLines, unreadable }: Recovered): string[] => [
  ...(badBytes > 0 ? [`${badBytes} bytes of the spool's segments are damaged or were cut short; the rest is used`] : []),
  ...(badLines > 0 ? [`${badLines} damaged lines in the spool's ledger`] : []),
  ...unreadable.map(text => `unreadable: ${text}`),
]

/** A ledger for the time before the directory can be used. */
export const ledgerWithout = (endpoints: readonly string[]): LedgerState => {
  const state = emptyLedger()
  for (const e of endpoints) apply(state, { t: 'join', e, from: 0 })
  return state
}

/** What such a ledger has counted, as lines for the one on disk. */
export const carryOver = ({ endpoints }: LedgerState): Line[] =>
  [...endpoints].flatMap(([e, { tally }]): Line[] => [
    { t: 'pass', e, i: tally.delivered },
    ...dropReasons.map((why): Line => ({ t: 'pass', e, i: tally.dropped[why], d: tally.dropped[why], why })),
  ])
