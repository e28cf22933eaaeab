/** The loop of a replica that leads, or waits to lead: a turn whenever something happens, and every so often. */
import { setTimeout as sleep } from 'node:timers/promises'
import { pause } from '../pause.ts'
import { type Leadership, seekLeadership } from '../store/leadership.ts'
import { LeaseLost, writeAsLeader } from '../store/leases.ts'
import type { Sql } from '../store/sql.ts'
import { agentStates } from './agent-state.ts'
import type { AssigningOptions, Timing } from './assigning.ts'
import { type Bell, openBell } from './bell.ts'
import { startTerm } from './leader.ts'
import { openPlanner, type Planner } from './planner.ts'
import { rolloutLimits } from './rollout.ts'
import { watchAgents } from './watch-agents.ts'

type Loop = Pick<Timing, 'pollMs' | 'rollingMs' | 'debounceMs'> & Partial<Timing>
export type Leading = { ring(): void; isLeader(): boolean; close(): Promise<void> }

export const startLeading = (options: AssigningOptions, timing: Loop, failed: (error: unknown) => void): Leading => {
  const bell = openBell()
  const planner = openPlanner(timing.threadAbove)
  const leadership = seek(options, timing, bell)
  const running = lead(options, timing, { bell, planner, leadership, failed })
  return {
    ring: bell.ring,
    isLeader: () => leadership.current() !== undefined,
    close: async () => {
      bell.close()
      await running
      await Promise.all([leadership.stop(), planner.close()])
    },
  }
}

const seek = ({ store, holder, log }: AssigningOptions, { leaseTtlMs, leaseRenewMs }: Loop, bell: Bell): Leadership =>
  seekLeadership(store, {
    name: 'assigning',
    holder,
    ...(leaseTtlMs !== undefined && { ttlMs: leaseTtlMs }),
    ...(leaseRenewMs !== undefined && { renewMs: leaseRenewMs }),
    nowMs: () => performance.now(),
    sleep: pause,
    onChange: lease => {
      log.info({ epoch: lease?.epoch }, lease ? 'this controller plans from now on' : 'this controller does not plan any more')
      bell.ring()
    },
  })

type Means = { bell: Bell; planner: Planner; leadership: Leadership; failed: (error: unknown) => void }

const lead = async (options: AssigningOptions, timing: Loop, { bell, planner, leadership, failed }: Means): Promise<void> => {
  const { store, nowMs, log, counters, onAssigned, limits, signal } = options
  const watch = watchAgents(store)
  let term: { epoch: number; turn: () => Promise<boolean> } | undefined
  let watchedMs = Number.NEGATIVE_INFINITY
  const turn = async (): Promise<boolean> => {
    const lease = leadership.current()
    const write = lease && (<T>(work: (sql: Sql) => Promise<T>) => writeAsLeader(store, lease, work))
    if (performance.now() - watchedMs >= timing.pollMs) {
      const counts = await watch(nowMs(), write)
      for (const state of agentStates) counters.agents.set({ state }, counts[state])
      watchedMs = performance.now()
    }
    if (!lease || !write) return false
    const unsound = (faults: unknown): void => log.error({ faults }, 'assignments that are not sound stay here')
    const means = { store, planner, nowMs, limits: { ...rolloutLimits, ...limits }, write, unsound, ...(onAssigned && { onAssigned }) }
    if (term?.epoch !== lease.epoch) term = { epoch: lease.epoch, turn: startTerm(means) }
    return await term.turn()
  }
  let isRolling = false
  while (await bell.wait(isRolling ? timing.rollingMs : timing.pollMs)) {
    await sleep(timing.debounceMs)
    try {
      isRolling = await turn()
    } catch (error) {
      // What it remembers of the store may not be so.
      term = undefined
      if (!(error instanceof LeaseLost) && !signal.aborted) failed(error)
    }
  }
}
