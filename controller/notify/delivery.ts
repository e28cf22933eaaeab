/** Delivery: a lane for each receiver of the fleet, as it is now. Runs on every replica and acts on the one that leads. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Receiver } from '../../wire/fleet-alerts.ts'
import { openBell } from '../assign/bell.ts'
import type { Counters } from '../metrics.ts'
import { dropDeliveries } from '../store/deliveries.ts'
import { dropOutgoing, outboxSize, waitingReceivers } from '../store/outbox.ts'
import { type LaneOptions, openLane } from './lane.ts'
import type { Means } from './message.ts'
import { type Tested, testReceiver } from './test-receiver.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
/** What no receiver took for so long is no news. */
const outgoingForMs = 3 * dayMs
/** Longer than any receiver is told of an end; threads of messages are known for so long. */
const endedForMs = dayMs
const toldForMs = 90 * dayMs
const lookEveryMs = 5000
/** Of many events in a row the first few are looked at together. */
const debounceMs = 50
const defaultTimeoutMs = 10_000

export type DeliveryOptions = Pick<LaneOptions, 'store' | 'holder' | 'random' | 'log' | 'isLeader' | 'isJudging'> &
  Pick<Means, 'nowMs' | 'environment' | 'readFile' | 'lookup' | 'print'> & {
    /** Those of the fleet as it is now, by name. */
    receivers: () => Promise<readonly Receiver[]>
    counters: Pick<Counters, 'notifications' | 'notificationDelay' | 'outbox' | 'outboxOldest'>
    newId: () => string
    timeoutMs?: number
  }

export type Delivering = {
  /** Tells this receiver at once that nothing is wrong, and says what it answered; undefined when there is no such receiver. */
  test(name: string, askedBy: string): Promise<Tested | undefined>
  /** Ends what is going on; what was not told is told by the next. */
  close(): Promise<void>
}

export const startDelivery = (options: DeliveryOptions): Delivering => {
  const { store, receivers, nowMs, environment, readFile, lookup, print, timeoutMs = defaultTimeoutMs, newId } = options
  const stop = new AbortController()
  const means: Means = { nowMs, environment, readFile, print, timeoutMs, stop: stop.signal, ...(lookup && { lookup }) }
  const lanes = keepLanes(options, means)
  const bell = openBell()
  const unsubscribe = store.onEvents(bell.ring)
  const running = look(options, lanes, bell)
  return {
    test: async (name, askedBy) => {
      const receiver = (await receivers()).find(one => one.name === name)
      return receiver && (await testReceiver(receiver, { askedBy, id: newId() }, means))
    },
    close: async () => {
      unsubscribe()
      stop.abort()
      bell.close()
      await running
      await lanes.close()
    },
  }
}

/** Sees who is to be told something, every so often and whenever something happened. */
const look = async (options: DeliveryOptions, lanes: Lanes, bell: ReturnType<typeof openBell>): Promise<void> => {
  const { store, receivers, log, isLeader, nowMs, counters } = options
  let upkeepMs = Number.NEGATIVE_INFINITY
  while (await bell.wait(lookEveryMs)) {
    await sleep(debounceMs)
    try {
      lanes.follow(await receivers())
      const { waiting, size, oldestMs } = await store.read(async sql => ({
        waiting: await waitingReceivers(sql),
        ...(await outboxSize(sql)),
      }))
      counters.outbox.set(size)
      counters.outboxOldest.set(oldestMs === undefined ? 0 : Math.max(0, nowMs() - oldestMs) / 1000)
      lanes.ring(waiting)
      if (!isLeader() || nowMs() - upkeepMs < hourMs) continue
      await tidy(options)
      upkeepMs = nowMs()
    } catch (error) {
      log.warn({ err: error }, 'delivery goes on in a while')
    }
  }
}

const tidy = async ({ store, nowMs, log, counters }: DeliveryOptions): Promise<void> => {
  const expired = await store.write(async sql => {
    await dropDeliveries(sql, nowMs() - endedForMs, nowMs() - toldForMs)
    return await dropOutgoing(sql, nowMs() - outgoingForMs)
  })
  for (const { receiver, page } of expired) {
    counters.notifications.inc({ receiver, outcome: 'expired' })
    log.error({ receiver, incident: page.incident }, 'a notification that nobody took for three days is given up')
  }
}

type Lanes = { follow(receivers: readonly Receiver[]): void; ring(names: readonly string[]): void; close(): Promise<void> }

const keepLanes = (options: DeliveryOptions, means: Means): Lanes => {
  const open = new Map<string, { bell: ReturnType<typeof openBell>; ended: Promise<void>; receiver: Receiver }>()
  const run = (receiver: Receiver): void => {
    const { name } = receiver
    const bell = openBell()
    const lane = openLane({ ...options, name, means, receiver: () => open.get(name)?.receiver })
    const ended = turns(lane.turn, bell, error => options.log.warn({ err: error, receiver: name }, 'delivery goes on in a while'))
    open.set(name, { bell, ended, receiver })
  }
  return {
    follow: receivers => {
      const names = new Set(receivers.map(({ name }) => name))
      for (const receiver of receivers) {
        const lane = open.get(receiver.name)
        if (lane) lane.receiver = receiver
        else run(receiver)
      }
      for (const [name, { bell }] of open)
        if (!names.has(name)) {
          bell.close()
          open.delete(name)
        }
    },
    ring: names => {
      for (const name of names) open.get(name)?.bell.ring()
    },
    close: async () => {
      for (const { bell } of open.values()) bell.close()
      await Promise.all([...open.values()].map(({ ended }) => ended))
    },
  }
}

const turns = async (turn: () => Promise<number>, bell: ReturnType<typeof openBell>, failed: (error: unknown) => void): Promise<void> => {
  let waitMs = 0
  while (await bell.wait(waitMs))
    waitMs = await turn().catch((error: unknown) => {
      failed(error)
      return lookEveryMs
    })
}
