/**
 * Judging a million paths: verdicts, hysteresis and links of one window in which every path has something. Nearly all are well; one in a hundred fails, and one in a
 * hundred has failed before. Reading and decoding are not in it: they are of what agents send, not of how many paths are judged.
 */
import { Evaluation } from '../../controller/alert/evaluation.ts'
import { saveAgent } from '../../controller/alert/memory.ts'
import { compileRules } from '../../controller/alert/rules.ts'
import { at, width } from '../../controller/alert/tally.ts'
import { defaultFleet } from '../../controller/fleet/default-fleet.ts'
import { mergeFleets } from '../../controller/fleet/merge.ts'
import { failReasons } from '../../wire/reasons.ts'
import { machine } from './machine.ts'
import { report } from './report.ts'

const [agentCount, perAgent, regions, rounds] = [1000, 1000, 30, 10]
const count = agentCount * perAgent
const timeout = failReasons.indexOf('tcp_timeout') + 1
const fleet = mergeFleets([defaultFleet])
const rules = compileRules(fleet)
const place = (k: number) => ({ cloud: 'aws', region: `region-${k % regions}` })

const evaluation = new Evaluation()
const agents = new Map<
  string,
  { id: string; location: { cloud: string; region: string }; state: 'live'; lastSeenMs: number; isCordoned: boolean }
>()
for (let a = 0; a < agentCount; a++) {
  const id = `agent-${a}`
  agents.set(id, { id, location: place(a), state: 'live', lastSeenMs: Number.MAX_SAFE_INTEGER, isCordoned: false })
  for (let k = 0; k < perAgent; k++) {
    const [kind, target] = [k % 2 === 0 ? 'icmp' : 'tcp', `agent/agent-${(a + 1 + (k >> 1)) % agentCount}`]
    evaluation.paths.numberOf(id, {
      check: `default-${kind}`,
      kind,
      target,
      host: target,
      source: place(a),
      destination: place(a + 1 + (k >> 1)),
    })
  }
}
evaluation.windows.reserve(count)

/** One window: every path has a run, some of them fail. */
const fill = (round: number): void => {
  const { windows } = evaluation
  for (let path = 0; path < count; path++) {
    const isBad = path % 100 === round % 3
    windows.now[path * width + (isBad ? at.fail : at.ok)] = 1
    windows.fail[path] = isBad ? timeout : 0
    windows.now[path * width + at.sent] = 5
    windows.now[path * width + at.received] = 5
    windows.touched.push(path)
  }
}

const measured = Array.from({ length: rounds }, (_, round) => {
  fill(round)
  const around = {
    nowMs: 1e12 + round * 10_000,
    startedMs: 1e12,
    rules,
    fleet,
    generation: 1,
    agents,
    assigned: new Map(),
    maintenance: [],
    changes: [],
  }
  const [cpu, start] = [process.cpuUsage(), performance.now()]
  evaluation.judge(around)
  const { user, system } = process.cpuUsage(cpu)
  return { wallMs: performance.now() - start, cpuMs: (user + system) / 1000 }
})
const saveStart = performance.now()
let bytes = 0
for (const agent of agents.keys()) bytes += saveAgent(evaluation, agent).length
const saveMs = performance.now() - saveStart
const best = (of: (one: (typeof measured)[number]) => number): number => Math.min(...measured.slice(1).map(of))
await report(async () => ({
  what: 'one window of a million paths judged',
  machine: machine(),
  barMs: 1000,
  paths: count,
  judgeMs: Math.round(best(one => one.wallMs)),
  judgeCpuMs: Math.round(best(one => one.cpuMs)),
  slowestMs: Math.round(Math.max(...measured.slice(1).map(one => one.wallMs))),
  saveMs: Math.round(saveMs),
  savedBytes: bytes,
  rssBytes: process.memoryUsage.rss(),
}))
