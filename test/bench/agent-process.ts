/** `probe agent` as a process of its own beside a benchmark: its files, what it costs, and what it says of itself on /metrics. */
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startChild } from './child.ts'
import { cpuOfProcess } from './cpu-of.ts'

/** The command in this checkout. */
export const checkout = fileURLToPath(new URL('../../cli/probe.mjs', import.meta.url))

export type AgentProcess = {
  pid: number
  startedMs: number
  cpuUs: () => number
  rssBytes: () => number
  descriptors: () => number
  /** Another configuration, written as a ConfigMap is: by a rename. */
  configure: (config: object) => void
  /** What it has printed so far. */
  said: () => string
  scrape: () => Promise<string>
  stop: () => Promise<void>
}

export type AgentOptions = { config: object; port?: number; policy?: object; program?: string; node?: readonly string[] }

/** Loopback is denied to checks unless it is named; the budget is the largest that a file may give. */
const lavish = { allow: ['127.0.0.0/8'], budgets: { probesPerSecond: 10_000 } }

/** Starts an agent and resolves when it measures. JSON is YAML, so that is how its files are written. */
export const startAgentProcess = async ({
  config,
  port,
  policy = lavish,
  program = checkout,
  node = [],
}: AgentOptions): Promise<AgentProcess> => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-bench-'))
  const file = join(directory, 'agent.yaml')
  const write = (name: string, value: object): void => {
    writeFileSync(`${name}.next`, JSON.stringify(value))
    renameSync(`${name}.next`, name)
  }
  const common = {
    agent: { id: 'bench', interception: 'off' },
    listen: port === undefined ? 'off' : `127.0.0.1:${port}`,
    data: join(directory, 'data'),
    policy: join(directory, 'policy.yaml'),
  }
  write(common.policy, policy)
  write(file, { ...common, ...config })
  const startedMs = performance.now()
  const child = await startChild([process.execPath, ...node, program, 'agent', '--config', file], '"msg":"measuring"', 60_000)
  const { pid } = child
  return {
    pid,
    startedMs,
    cpuUs: () => cpuOfProcess(pid),
    rssBytes: () => rssOf(pid),
    descriptors: () => readdirSync(`/proc/${pid}/fd`).length,
    configure: next => write(file, { ...common, ...next }),
    said: () => child.lines,
    scrape: async () => (await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(60_000) })).text(),
    stop: async () => {
      await child.stop()
      rmSync(directory, { recursive: true })
    },
  }
}

/** VmRSS of /proc/pid/status. */
export const rssOf = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN) * 1024

/** The sum of a metric's lines on a page for Prometheus, of those that have all the labels given. 0 where there are none. */
export const sumOf = (page: string, metric: string, ...labels: string[]): number =>
  page
    .split('\n')
    .filter(line => (line.startsWith(`${metric}{`) || line.startsWith(`${metric} `)) && labels.every(label => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
