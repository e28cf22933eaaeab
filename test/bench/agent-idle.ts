/**
 * An agent without checks: its memory after 30 s, from the checkout (compile cache warm) and from a build, beside Node that does nothing; and the time
 * from its start to its first result.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { checksOf } from './agent-checks.ts'
import { checkout, rssOf, startAgentProcess } from './agent-process.ts'
import { startChild } from './child.ts'
import { machine } from './machine.ts'
import { enterOwnNetwork } from './own-network.ts'
import { figure } from './paired.ts'
import { CannotRun, note, report } from './report.ts'
import { needTools } from './tools.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const bars = { checkout: 115e6, build: 90e6, firstResultMs: 1000 }
const options = { seconds: { type: 'string', default: '30' }, rounds: { type: 'string', default: '5' } } as const

/** The build in a directory of its own, with the checkout's dependencies. */
const build = (directory: string): string => {
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'))
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'deploy/build.ts'), join(directory, 'dist')], { encoding: 'utf8' })
  if (status !== 0) throw new CannotRun(`deploy/build.ts: ${stderr}`)
  return join(directory, 'dist/cli/probe.mjs')
}

const idleRss = async (programs: readonly string[], seconds: number): Promise<number[]> => {
  const agents = await Promise.all(programs.map(program => startAgentProcess({ config: {}, program })))
  await new Promise(resolve => setTimeout(resolve, seconds * 1000))
  const rss = agents.map(agent => agent.rssBytes())
  for (const agent of agents) await agent.stop()
  return rss
}

const nodeRss = async (): Promise<number> => {
  const child = await startChild([process.execPath, '-e', 'setInterval(() => {}, 1000); console.log("up")'], 'up')
  const rss = rssOf(child.pid)
  await child.stop()
  return rss
}

/** From the start to when it measures, and the interval of 100 ms within which its first path is due; an echo on loopback takes no time beside that. */
const firstResultMs = async (program: string): Promise<number> => {
  const { targets, checks } = checksOf({ icmp: ['127.0.0.1'], tcp: [] })
  const agent = await startAgentProcess({ config: { targets, checks: checks.map(check => ({ ...check, every: '100ms' })) }, program })
  const ms = performance.now() - agent.startedMs
  await agent.stop()
  return ms + 100
}

await report(async () => {
  needTools('setpriv')
  enterOwnNetwork()
  const { values } = parseArgs({ options })
  const directory = mkdtempSync(join(tmpdir(), 'causeway-bench-'))
  try {
    const programs = [checkout, build(directory)]
    note('warming the compile caches')
    await idleRss(programs, 2)
    const starts: number[][] = [[], []]
    for (let round = 0; round < Number(values.rounds); round++)
      for (const [i, program] of programs.entries()) starts[i]!.push(await firstResultMs(program))
    const [ofCheckout = 0, ofBuild = 0] = await idleRss(programs, Number(values.seconds))
    const first = { checkout: figure(starts[0]!), build: figure(starts[1]!), bar: bars.firstResultMs }
    return {
      bench: 'agent-idle',
      machine: machine(),
      rssBytes: { checkout: ofCheckout, build: ofBuild, node: await nodeRss(), bars: { checkout: bars.checkout, build: bars.build } },
      firstResultMs: first,
      load: loadavg()[0],
      pass:
        ofCheckout <= bars.checkout && ofBuild <= bars.build && Math.max(first.checkout.median, first.build.median) <= bars.firstResultMs,
    }
  } finally {
    rmSync(directory, { recursive: true })
  }
})
