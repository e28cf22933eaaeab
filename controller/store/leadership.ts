import { type Lease, releaseLease, renewLease, takeLease } from './leases.ts'
import type { Store } from './store.ts'

export const leaseTtlMs = 10_000
export const leaseRenewMs = 3000

export type LeadershipOptions = {
  name: string
  /** Of this process and no other, also not of its former life. */
  holder: string
  ttlMs?: number
  renewMs?: number
  /** Monotonic. */
  nowMs: () => number
  /** Resolves after so long, or when stopped. */
  sleep: (ms: number, stop: AbortSignal) => Promise<void>
  /** The lease when it begins, undefined when it ends. */
  onChange: (lease: Lease | undefined) => void
}

export type Leadership = {
  /** Undefined as soon as another could have it, by this process's own clock. A hint: what counts is `writeAsLeader`. */
  current(): Lease | undefined
  /** Gives it up and resolves when the row says so. */
  stop(): Promise<void>
}

/** Tries for the lease for ever: takes it when it is free, renews it while it has it. A store that is away is asked again. */
export const seekLeadership = (store: Pick<Store, 'write'>, options: LeadershipOptions): Leadership => {
  const { name, holder, ttlMs = leaseTtlMs, renewMs = leaseRenewMs, nowMs, sleep, onChange } = options
  const stop = new AbortController()
  let held: { lease: Lease; untilMs: number } | undefined
  const become = (next: typeof held): void => {
    const changed = next?.lease.epoch !== held?.lease.epoch
    held = next
    if (changed) onChange(next?.lease)
  }
  const step = async (): Promise<void> => {
    // From before the question was asked: the row ends no earlier than this.
    const untilMs = nowMs() + ttlMs
    const before = held?.lease
    if (before) {
      // A renewal that happened twice is as good as one.
      if (await store.write(sql => renewLease(sql, before, ttlMs), { idempotent: true })) become({ lease: before, untilMs })
      else become(undefined)
    }
    if (held) return
    const lease = await store.write(sql => takeLease(sql, name, holder, ttlMs))
    if (lease) become({ lease, untilMs })
  }
  const run = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      await step().catch(() => {})
      if (held && nowMs() >= held.untilMs) become(undefined)
      await sleep(renewMs, stop.signal)
    }
    const last = held?.lease
    become(undefined)
    if (last) await store.write(sql => releaseLease(sql, last), { idempotent: true }).catch(() => {})
  }
  const running = run()
  return {
    current: () => (held && nowMs() < held.untilMs ? held.lease : undefined),
    stop: async () => {
      stop.abort()
      await running
    },
  }
}
