/** How long `probe run` takes from start to exit to diagnose a path MTU black hole, over simulated links of different RTTs. */
import { type ChildProcess, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { canSimulate } from '../../deploy/sim/can-simulate.ts'
import { type Network, startNetwork } from '../../deploy/sim/network.ts'
import { benchEnv } from './environment.ts'
import { machine } from './machine.ts'
import { figure } from './paired.ts'
import { CannotRun, note, report } from './report.ts'

const probe = fileURLToPath(new URL('../../cli/probe.mjs', import.meta.url))
const servers = fileURLToPath(new URL('../servers/main.ts', import.meta.url))
const barSeconds = 10
const mtus = { forward: 1420, reverse: 1380 }
const port = 15_443
const options = { rounds: { type: 'string', default: '5' }, rtts: { type: 'string', default: '5,35,150' } } as const

type Pair = Network<'aws' | 'azure'>

/** Two clouds whose path carries less than their interfaces, in each direction another size, and never says so. */
const startPair = (rttMs: number): Promise<Pair> =>
  startNetwork({
    sites: { aws: {}, azure: {} },
    links: [
      { from: 'aws', to: 'azure', delayMs: rttMs / 2, mtu: mtus.forward },
      { from: 'azure', to: 'aws', delayMs: rttMs / 2, mtu: mtus.reverse },
    ],
  })

const startServer = async (pair: Pair): Promise<ChildProcess> => {
  const spec = JSON.stringify([{ kind: 'tls', variant: 'big chain', host: pair.sites.azure.address, port }])
  const child = pair.spawn('azure', [process.execPath, servers, spec], { stdio: ['pipe', 'pipe', 'inherit'], env: benchEnv })
  await once(child.stdout!, 'data')
  return child
}

/** Seconds from start to exit, and what was found: the cause and the sizes must be right for the time to count. */
const diagnose = async (pair: Pair): Promise<{ seconds: number; found: object; right: boolean }> => {
  const target = `${pair.sites.azure.address}:${port}`
  const start = performance.now()
  const { stdout, stderr } = await pair.run('aws', [process.execPath, probe, 'run', target, '--output', 'json'], {
    env: benchEnv,
    timeoutMs: 60_000,
  })
  const seconds = (performance.now() - start) / 1000
  if (!stdout) throw new Error(`probe run: ${stderr}`)
  const { results, diagnosis } = JSON.parse(stdout)
  const measured = results.find(({ kind }: { kind: string }) => kind === 'mtu')?.measured
  const found = { cause: diagnosis[0]?.cause, forward: measured?.forward?.pathMtu, reverse: measured?.reverse?.pathMtu }
  const right = found.cause === 'path_mtu_black_hole' && found.forward === mtus.forward && found.reverse === mtus.reverse
  note(`${seconds.toFixed(2)} s: ${JSON.stringify(found)}`)
  return { seconds, found, right }
}

const measureAt = async (rttMs: number, rounds: number) => {
  note(`RTT ${rttMs} ms`)
  await using pair = await startPair(rttMs)
  const server = await startServer(pair)
  try {
    const runs = []
    for (let round = 0; round < rounds; round++) runs.push(await diagnose(pair))
    const seconds = figure(runs.map(run => run.seconds))
    const right = runs.every(run => run.right)
    return {
      rttMs,
      seconds,
      found: runs.map(run => run.found),
      right,
      bar: barSeconds,
      pass: right && Math.max(...seconds.runs) <= barSeconds,
    }
  } finally {
    server.kill()
  }
}

await report(async () => {
  const simulation = await canSimulate()
  if (!simulation.possible) throw new CannotRun(simulation.reason)
  const { values } = parseArgs({ options })
  execFileSync(process.execPath, [probe, 'version'], { env: benchEnv })
  const paths = []
  for (const rttMs of values.rtts.split(',').map(Number)) paths.push(await measureAt(rttMs, Number(values.rounds)))
  const what = `probe run against a TLS server behind a silent ${mtus.forward}/${mtus.reverse} path, whole command, wall clock; every run counts`
  return { bench: 'black-hole', machine: machine(), what, paths, pass: paths.every(({ pass }) => pass) }
})
