import fc from 'fast-check'
import t from 'tap'
import type { Held } from '../../../agent/spool/options.ts'
import type { Order, RecordKind, Takes } from '../../../agent/spool/record.ts'
import { openSpool, type Spool } from '../../../agent/spool/spool.ts'
import { drain, droppedOf, isExact, mergeNumbered, numbered, numbersOf } from './numbered.ts'
import { ShakyFiles } from './shaky-files.ts'

const endpoints = ['controller', 'vendor'] as const
type Endpoint = (typeof endpoints)[number]
const takes: Takes = (name, kind) => !(name === 'controller' && kind === 'spans')

/** What a person with perfect memory knows of one endpoint, by the numbers of records. */
type Memory = { settled: Set<number>; settledForGood: Set<number> }

class World {
  files = new ShakyFiles()
  spool!: Spool
  next = 0
  /** Items of each record ever appended. */
  items = new Map<number, number>()
  /** In a file that has been synced. */
  durable = new Set<number>()
  memories = new Map<Endpoint, Memory>(endpoints.map(e => [e, { settled: new Set(), settledForGood: new Set() }]))
  held: { endpoint: Endpoint; held: Held }[] = []
  /** What each endpoint's ledger must say that it has been delivered. */
  delivered = new Map<Endpoint, number>()
  damaged = false
  readonly limitBytes: number
  constructor(limitBytes: number) {
    this.limitBytes = limitBytes
  }

  openCopy = (files: ShakyFiles): Promise<Spool> =>
    openSpool({
      directory: '/nowhere',
      endpoints,
      takes,
      files,
      limitBytes: this.limitBytes,
      memoryBytes: 4096,
      flushEveryMs: 0,
      merge: mergeNumbered,
      nowMs: () => 0,
    })

  async start(): Promise<void> {
    this.spool = await this.openCopy(this.files)
    for (const e of endpoints) this.delivered.set(e, this.spool.ledger(e).delivered)
  }
}

type Command = (world: World) => Promise<void> | void

const append =
  (items: number, padBytes: number, kind: RecordKind): Command =>
  world => {
    const number = world.next++
    world.items.set(number, items)
    // What it is not to get must never come: to the model that is the same as what it has had.
    for (const [name, { settled, settledForGood }] of world.memories)
      if (!takes(name, kind)) for (const had of [settled, settledForGood]) had.add(number)
    world.spool.append(numbered(number, { items, kind }, padBytes))
  }

const flush: Command = async world => {
  const appended = world.next
  await world.spool.flush()
  if (world.spool.state().degraded) return
  for (let number = 0; number < appended; number++) if (!lost.get(world)?.has(number)) world.durable.add(number)
  for (const memory of world.memories.values()) for (const number of memory.settled) memory.settledForGood.add(number)
}

/** Numbers that a crash took before they were durable, or that were dropped. */
const lost = new WeakMap<World, Set<number>>()

const take =
  (endpoint: Endpoint, order: Order): Command =>
  async world => {
    const held = await world.spool.next(endpoint, order)
    if (held) world.held.push({ endpoint, held })
  }

const settle =
  (which: number, dropped: number): Command =>
  world => {
    const [one] = world.held.splice(which % Math.max(1, world.held.length), 1)
    if (!one) return
    world.spool.settle(one.held, dropped)
    const { items } = one.held.record
    world.delivered.set(one.endpoint, world.delivered.get(one.endpoint)! + items - Math.min(items, dropped))
    for (const number of numbersOf(one.held.record)) world.memories.get(one.endpoint)!.settled.add(number)
  }

const release =
  (which: number): Command =>
  world => {
    const [one] = world.held.splice(which % Math.max(1, world.held.length), 1)
    if (one) world.spool.release(one.held)
  }

/** kill -9 keeps what was written; a power failure what was synced, and some of the rest. */
const crash =
  (fraction: number): Command =>
  async world => {
    if (fraction < 1) world.files.powerFailure(fraction)
    world.files = world.files.copy()
    world.held = []
    const gone = lost.get(world) ?? new Set()
    for (let number = 0; number < world.next; number++) if (!world.durable.has(number)) gone.add(number)
    lost.set(world, gone)
    for (const memory of world.memories.values()) memory.settled = new Set(memory.settledForGood)
    await checkCopy(world)
    await world.start()
    // What was half settled may have become so for good, and what was being written may have arrived.
    for (const endpoint of endpoints) {
      const waiting = await waitingIn(world, endpoint)
      const memory = world.memories.get(endpoint)!
      for (let number = 0; number < world.next; number++)
        if (world.durable.has(number) && !waiting.has(number)) {
          memory.settled.add(number)
          // What a dead process had written and not synced is there, until the power goes.
          if (fraction < 1) memory.settledForGood.add(number)
        }
    }
  }

const waitingIn = async (world: World, endpoint: Endpoint): Promise<Set<number>> => {
  const spool = await world.openCopy(world.files.copy())
  return new Set((await drain(spool, endpoint)).flatMap(numbersOf))
}

/** Opens a copy of the files and empties it: what comes out is what should be in there. */
const checkCopy = async (world: World): Promise<void> => {
  const spool = await world.openCopy(world.files.copy())
  for (const endpoint of endpoints) {
    const before = spool.ledger(endpoint)
    if (!isExact(before)) throw new Error(`${endpoint} after the start: ${JSON.stringify(before)}`)
    const records = await drain(spool, endpoint)
    const numbers = records.flatMap(numbersOf)
    const items = records.reduce((sum, record) => sum + record.items, 0)
    const after = spool.ledger(endpoint)
    if (!isExact(after) || after.spooled !== 0 || after.produced !== before.produced || after.delivered !== before.delivered + items)
      throw new Error(`${endpoint} emptied ${items}: ${JSON.stringify({ before, after })}`)
    if (new Set(numbers).size !== numbers.length) throw new Error(`${endpoint} got something twice: ${numbers}`)
    const { settled } = world.memories.get(endpoint)!
    const again = numbers.filter(number => settled.has(number))
    if (!world.damaged && again.length > 0) throw new Error(`${endpoint} got ${again} again`)
    // A ledger counts items: one of none may have been dropped without a word.
    const isCounted = (number: number): boolean => world.items.get(number)! > 0
    const wanted = [...world.durable].filter(number => isCounted(number) && !settled.has(number) && !numbers.includes(number))
    if (!world.damaged && droppedOf(before) - before.dropped.rejected === 0 && wanted.length > 0 && !maybeSettled(world, endpoint, wanted))
      throw new Error(`${endpoint} never gets ${wanted}`)
  }
}

/** Settled, but not yet for good when the crash came: either is right. */
const maybeSettled = (world: World, endpoint: Endpoint, numbers: number[]): boolean =>
  numbers.every(number => everSettled(world, endpoint).has(number))
const ever = new WeakMap<World, Map<Endpoint, Set<number>>>()
const everSettled = (world: World, endpoint: Endpoint): Set<number> => ever.get(world)?.get(endpoint) ?? new Set()
const remember = (world: World): void => {
  const all = ever.get(world) ?? new Map<Endpoint, Set<number>>(endpoints.map(e => [e, new Set()]))
  for (const [endpoint, { settled }] of world.memories) for (const number of settled) all.get(endpoint)!.add(number)
  ever.set(world, all)
}

const disk =
  (change: (files: ShakyFiles) => void): Command =>
  ({ files }) =>
    change(files)

const flip =
  (position: number): Command =>
  async world => {
    await world.spool.flush()
    world.files.flip(position)
    world.damaged = true
    await crash(1)(world)
  }

const which = fc.nat(50)
const endpoint = fc.constantFrom(...endpoints)
const commands = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(fc.integer({ min: 0, max: 9 }), fc.nat(600), fc.constantFrom<RecordKind>('windows', 'events', 'spans'))
      .map(a => append(a[0], a[1], a[2])),
  },
  { weight: 4, arbitrary: fc.constant(flush) },
  { weight: 5, arbitrary: fc.tuple(endpoint, fc.constantFrom<Order>('newest', 'oldest')).map(([e, order]) => take(e, order)) },
  { weight: 5, arbitrary: fc.tuple(which, fc.nat(3)).map(([n, dropped]) => settle(n, dropped)) },
  { weight: 1, arbitrary: which.map(release) },
  { weight: 1, arbitrary: fc.constant(crash(1)) },
  { weight: 1, arbitrary: fc.double({ min: 0, max: 0.99, noNaN: true }).map(crash) },
  {
    weight: 1,
    arbitrary: fc.nat(2000).map(room =>
      disk(files => {
        files.room = room
      }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('EIO', 'EROFS').map(code =>
      disk(files => {
        files.broken = code
      }),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.constant(
      disk(files => {
        files.room = Number.POSITIVE_INFINITY
        files.broken = undefined
      }),
    ),
  },
)
const damage = fc.oneof({ weight: 20, arbitrary: commands }, { weight: 1, arbitrary: fc.nat().map(flip) })

const play = async (limitBytes: number, sequence: readonly Command[]): Promise<boolean> => {
  const world = new World(limitBytes)
  await world.start()
  for (const command of sequence) {
    await command(world)
    remember(world)
    for (const e of endpoints) {
      const ledger = world.spool.ledger(e)
      if (!isExact(ledger)) throw new Error(`${e}: ${JSON.stringify(ledger)}`)
      const delivered = world.delivered.get(e)
      if (ledger.delivered !== delivered) throw new Error(`${e} has had ${delivered} and not ${ledger.delivered}`)
    }
  }
  world.files.room = Number.POSITIVE_INFINITY
  world.files.broken = undefined
  await flush(world)
  await crash(1)(world)
  return true
}

/** Shrinking a failure goes on for ever otherwise. */
const within = { interruptAfterTimeLimit: 150_000 }

const property = (limitBytes: number, command: fc.Arbitrary<Command>) =>
  fc.asyncProperty(fc.array(command, { maxLength: 120, size: 'max' }), sequence => play(limitBytes, sequence))

t.test('whatever crashes, fills up or fails, nothing durable is lost or comes twice, and the ledger is exact', () =>
  fc.assert(property(16 * 106 * 1024, commands), { ...within, numRuns: 150 }),
)

t.test('the same when the spool is so small that it merges and drops all the time', () =>
  fc.assert(property(6 * 1024, commands), { ...within, numRuns: 150 }),
)

t.test('flipped bits cost at most what they hit: the spool starts and the ledger is exact', async () => {
  await fc.assert(property(16 * 106 * 1024, damage), { ...within, numRuns: 100 })
  await fc.assert(property(6 * 1024, damage), { ...within, numRuns: 100 })
})
