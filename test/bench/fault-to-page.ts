/**
 * From a fault to the first notification. Faults of several kinds at any moment, one after the other, over real evaluation, store and delivery, with a clock
 * that moves by hand: each path is measured every 10 s at a moment of its own, agents send what they have every 10 s, the controller judges every 5 s. What
 * is not in it: the time that a probe itself takes to fail, and the transport of batches. `node test/bench/fault-to-page.ts --faults 60`.
 */
import { parseArgs } from 'node:util'
import t from 'tap'
import { type RuleName, ruleTable } from '../../controller/alert/default-rules.ts'
import { msOf } from '../../controller/fleet/duration.ts'
import {
  allPaths,
  openStage,
  openStore,
  type Path,
  regionOf,
  settle,
  startMs,
  tickMs,
  touchAll,
  type Window,
} from '../controller/alert/script.ts'
import { openNotifying } from '../controller/notify/notifying.ts'
import { startSink } from '../controller/notify/sink.ts'
import { machine } from './machine.ts'
import { report } from './report.ts'

const judgeMs = 5000
/** Ticks without a fault before the next, so that the last has ended; and the most that is waited for a page. */
const [calmTicks, mostTicks] = [18, 40]
const fail = (reason: string): Window => ({ fail: 1, reason })
const down = ({ check }: Path): Window => fail(check === 'icmp' ? 'no_reply' : 'tcp_timeout')
const between = (a: string, b: string, path: Path): boolean =>
  [regionOf(path.from), regionOf(path.to)].sort().join() === [a, b].sort().join()

/** By the rule that tells it: what it does to a path, where it does something. */
const kinds: Record<string, { rule: RuleName; effect: (path: Path) => Window | undefined }> = {
  'link cut': {
    rule: 'default/unreachable',
    effect: path => (between('aws/us-east-1', 'azure/eastus', path) ? down(path) : undefined),
  },
  'region gone': {
    rule: 'default/unreachable',
    effect: path => ((regionOf(path.from) === 'gcp/us-central1') !== (regionOf(path.to) === 'gcp/us-central1') ? down(path) : undefined),
  },
  'host gone': { rule: 'default/unreachable', effect: path => (path.to.id === 'westus-2' ? down(path) : undefined) },
  'tcp refused in a region': {
    rule: 'default/unreachable',
    effect: path =>
      path.check !== 'icmp' && regionOf(path.to) === 'aws/us-west-2' && regionOf(path.from) !== 'aws/us-west-2'
        ? fail('tcp_refused')
        : undefined,
  },
  'black hole one way': {
    rule: 'default/black-hole',
    effect: path =>
      path.check === 'mtu' && regionOf(path.from) === 'azure/eastus' && regionOf(path.to) === 'aws/us-east-1'
        ? { ...fail('mtu_black_hole'), mtu: [1380, 1500] }
        : undefined,
  },
}

const well = ({ check }: Path): Window => (check === 'mtu' ? { ok: 1, mtu: [1500, 1500] } : { ok: 1 })
const quantile = (sorted: readonly number[], q: number): number =>
  Math.round(10 * (sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN)) / 10

const measure = async (faults: number): Promise<object> => {
  const store = await openStore(t)
  await settle(store)
  const stage = await openStage(store)
  const sink = await startSink()
  const { lane } = await openNotifying(t, { nowMs: () => startMs + stage.clock.tick * tickMs })
  const hook = lane({ type: 'webhook', name: 'hook', url: sink.url }, { store })
  const phaseMs = new Map(allPaths.map(path => [path, Math.random() * tickMs]))
  const term = await stage.begin()
  const turn = async (): Promise<void> => {
    stage.clock.tick++
    await touchAll(store, stage)
    await term.turn()
    await hook.turn()
  }
  const wellForAll = async (): Promise<void> => {
    stage.play.is = well
    for (let k = 0; k < calmTicks || term.incidents.length > 0; k++) await turn()
  }
  const delays: { kind: string; s: number; afterFor: number }[] = []
  let silent = 0
  for (let k = 0; k < faults; k++) {
    await wellForAll()
    const [kind, { rule, effect }] = Object.entries(kinds)[k % Object.keys(kinds).length]!
    const beganMs = stage.clock.tick * tickMs + Math.random() * tickMs
    // A window that ends at a tick has what was measured in the ten seconds before.
    stage.play.is = (path, tick) => ((tick - 1) * tickMs + phaseMs.get(path)! >= beganMs ? effect(path) : undefined) ?? well(path)
    const before = sink.got.length
    const untilTick = stage.clock.tick + mostTicks
    while (sink.got.length === before && stage.clock.tick < untilTick) await turn()
    if (sink.got.length === before) silent++
    else {
      const s = (stage.clock.tick * tickMs - beganMs + Math.random() * judgeMs) / 1000
      delays.push({ kind, s, afterFor: s - msOf(ruleTable[rule].for) / 1000 })
    }
  }
  await sink.close()
  const rounded = (all: readonly number[]) => {
    const sorted = all.toSorted((a, b) => a - b)
    return {
      n: sorted.length,
      p50: quantile(sorted, 0.5),
      p90: quantile(sorted, 0.9),
      p99: quantile(sorted, 0.99),
      max: quantile(sorted, 1),
    }
  }
  const byKind = Object.entries(Object.groupBy(delays, ({ kind }) => kind)).map(([kind, all]) => [kind, rounded(all!.map(({ s }) => s))])
  return {
    ...{ machine: machine(), faults, neverTold: silent, seconds: rounded(delays.map(({ s }) => s)) },
    // What the bar is about: beyond the `for` of the rule, at most 30 s.
    secondsAfterFor: rounded(delays.map(({ afterFor }) => afterFor)),
    byKind: Object.fromEntries(byKind),
  }
}

// It lends the parts of tests their way to clean up.
t.setTimeout(0)
const { values } = parseArgs({ options: { faults: { type: 'string', default: '60' } } })
await report(() => measure(Number(values.faults)))
