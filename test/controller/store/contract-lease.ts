import { setImmediate as turn } from 'node:timers/promises'
import type { Test } from 'tap'
import { seekLeadership } from '../../../controller/store/leadership.ts'
import { type Lease, LeaseLost, readLease, releaseLease, renewLease, takeLease, writeAsLeader } from '../../../controller/store/leases.ts'
import { listSettings, putSetting } from '../../../controller/store/settings.ts'
import type { Store } from '../../../controller/store/store.ts'
import { type Subject, withStore } from './contract.ts'

const take = (store: Store, holder: string, ttlMs: number) => store.write(sql => takeLease(sql, 'leader', holder, ttlMs))
const writtenBy = async (store: Store, epoch: number): Promise<number> =>
  (await store.write(sql => listSettings(sql, `by/${epoch}/`))).length

/** Asks again until it is free. */
const takeWhenFree = async (store: Store, holder: string, ttlMs: number): Promise<Lease> => {
  for (;;) {
    const lease = await take(store, holder, ttlMs)
    if (lease) return lease
  }
}

/** A leader that writes for as long as it may, one transaction after the other, and several at once; says how many it was told are in. */
const writeUntilLost = async (store: Store, lease: Lease, writer: number): Promise<number> => {
  for (let count = 0; ; count++)
    try {
      await writeAsLeader(store, lease, async sql => {
        // Another may take over here, between the check and the commit.
        await turn()
        await putSetting(sql, `by/${lease.epoch}/${writer}/${count}`, 1, 0)
      })
    } catch (error) {
      if (!(error instanceof LeaseLost)) throw error
      return count
    }
}

export const leaseContract = async (t: Test, subject: Subject): Promise<void> => {
  await withStore(t, subject, 'a lease has one holder, is renewed by it alone, ends, and its epoch grows', async (t, store) => {
    const raced = await Promise.all(Array.from({ length: 10 }, (_, i) => take(store, `r${i}`, 60_000)))
    const [lease] = raced.filter(Boolean)
    t.equal(raced.filter(Boolean).length, 1)
    t.match(lease, { name: 'leader', epoch: 1 })
    t.equal(await store.write(sql => renewLease(sql, lease!, 60_000)), true)
    t.equal(await store.write(sql => renewLease(sql, { ...lease!, holder: 'other' }, 60_000)), false)
    t.equal(await take(store, lease!.holder, 60_000), undefined, 'not even by the name of its holder')
    t.match(await store.read(sql => readLease(sql, 'leader')), { ...lease!, expiresMs: Number })
    await store.write(sql => releaseLease(sql, lease!))
    t.equal(await store.write(sql => renewLease(sql, lease!, 60_000)), false, 'what has ended is not renewed')
    t.match(await take(store, 'next', 60_000), { epoch: 2 })
    await t.rejects(
      writeAsLeader(store, lease!, async () => {}),
      LeaseLost,
    )
  })

  await withStore(t, subject, 'in 100 failovers no write of a former leader gets in after the next one has begun', async (t, store) => {
    const other = await subject.again(store)
    let [stale, wrote] = [0, 0]
    for (let round = 0; round < 100; round++) {
      const [old, next] = round % 2 === 0 ? [store, other] : [other, store]
      const lease = await takeWhenFree(old, 'old', 15)
      const writers = [1, 2, 3].map(writer => writeUntilLost(old, lease, writer))
      const taken = await takeWhenFree(next, 'new', 60_000)
      const before = await writtenBy(next, lease.epoch)
      const said = (await Promise.all(writers)).reduce((sum, count) => sum + count, 0)
      const after = await writtenBy(next, lease.epoch)
      stale += after - before
      wrote += said
      if (after !== said) t.fail(`${after} writes are in, and ${said} were said to be`)
      await next.write(sql => releaseLease(sql, taken))
    }
    await other.close()
    t.equal(stale, 0)
    t.ok(wrote > 20, `${wrote} writes while they were the leader`)
  })

  await withStore(t, subject, 'who seeks the lease has it until it stops, and then the next has it', async (t, store) => {
    const changes: string[] = []
    const seek = (holder: string, onLease: () => void) =>
      seekLeadership(store, {
        name: 'leader',
        holder,
        nowMs: () => performance.now(),
        sleep: () => turn(),
        onChange: lease => {
          changes.push(`${holder} ${lease?.epoch}`)
          if (lease) onLease()
        },
      })
    const first = Promise.withResolvers<void>()
    const a = seek('a', first.resolve)
    await first.promise
    const second = Promise.withResolvers<void>()
    const b = seek('b', second.resolve)
    t.match(a.current(), { holder: 'a', epoch: 1 })
    await a.stop()
    await second.promise
    t.equal(a.current(), undefined)
    t.match(b.current(), { holder: 'b', epoch: 2 })
    await b.stop()
    t.strictSame(changes, ['a 1', 'a undefined', 'b 2', 'b undefined'])
  })
}
