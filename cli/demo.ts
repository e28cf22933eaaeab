/** The demonstration: two simulated clouds, a tunnel that swallows large packets, `probe run` across it, the fix, and `probe run` again. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { canSimulate } from '../deploy/sim/can-simulate.ts'
import { type Network, startNetwork } from '../deploy/sim/network.ts'
import { asCalled } from './as-called.ts'
import { exitCodeOfSignal, type Io } from './io.ts'

const host = 'payments.azure.example'
const port = 8443
const forwardMtu = 1420
const reverseMtu = 1380
const clampMss = reverseMtu - 40

const fileBeside = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const probe = fileBeside('./probe.mjs')
const service = fileBeside(`../deploy/sim/service.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`)

/** What the demonstration runs things with: in a site of the simulated network, or on this machine itself. */
type Stage = { start(argv: string[], stdio: ('inherit' | 'pipe')[]): ChildProcess }

/** Returns 0 when the diagnosis and the cure were as promised, 130 or 143 when stopped. */
export const demoCommand = async (options: { delayMs: number }, io: Io): Promise<number> => {
  const stopped = new AbortController()
  let code = 0
  const forget = io.onStop(signal => {
    code = exitCodeOfSignal[signal]
    stopped.abort()
  })
  const folder = mkdtempSync(join(tmpdir(), 'causeway-demo-'))
  try {
    const simulation = await canSimulate()
    if (!simulation.possible) return await onLoopback(simulation.reason, folder, io, stopped.signal)
    return await acrossClouds(options, folder, io, stopped.signal)
  } catch (error) {
    if (stopped.signal.aborted) return code
    io.stderr.write(`probe sim: ${error instanceof Error ? error.message : String(error)}\n`)
    return 3
  } finally {
    forget()
    rmSync(folder, { recursive: true, force: true })
  }
}

const acrossClouds = async ({ delayMs }: { delayMs: number }, folder: string, io: Io, stop: AbortSignal): Promise<number> => {
  const say = (text: string): unknown => io.stdout.write(`${text}\n`)
  say(`Two clouds on this machine, aws and azure, joined by a simulated VPN of ${2 * delayMs} ms round trip. Its tunnel drops packets`)
  say(`above ${forwardMtu} bytes towards azure and above ${reverseMtu} bytes back, and tells nobody. A payment service listens in azure.\n`)
  const links = [
    { from: 'aws', to: 'azure', delayMs, mtu: forwardMtu },
    { from: 'azure', to: 'aws', delayMs, mtu: reverseMtu },
  ]
  await using network = await startNetwork({ sites: { aws: {}, azure: {} }, links, seed: 1 }, stop)
  const azure: Stage = { start: (argv, stdio) => network.spawn('azure', argv, { stdio }) }
  const aws: Stage = { start: (argv, stdio) => network.spawn('aws', argv, { stdio }) }
  const { rootPem } = await startService(azure, network.sites.azure.address, port)
  const ca = save(folder, 'azure-root.pem', rootPem)
  await nameService(network, folder)
  const words = ['run', `${host}:${port}`, '--ca', ca]
  say(`aws$ probe ${words.join(' ')}\n`)
  const broken = await runProbe(aws, words, stop)
  say(`\nThe fix, on the gateway of each cloud (here the simulated one): clamp the MSS of every SYN to ${clampMss}. And once more:\n`)
  await network.setLink('aws', 'azure', { clampMss })
  await network.setLink('azure', 'aws', { clampMss })
  const healed = await runProbe(aws, words, stop)
  say(asCalled('\nThese two clouds are gone again. The same for yours: probe run <host>:<port>, and probe --help.', io.env))
  return broken === 1 && healed === 0 ? 0 : 3
}

/** The service's name, for the programs in the simulated network only: a hosts file of their own. */
const nameService = async (network: Network<'aws' | 'azure'>, folder: string): Promise<void> => {
  const hosts = save(folder, 'hosts', `127.0.0.1 localhost\n${network.sites.azure.address} ${host}\n`)
  const { status, stderr } = await network.run('aws', ['mount', '--bind', hosts, '/etc/hosts'])
  if (status !== 0) throw new Error(`naming the service: ${stderr.trim()}`)
}

const onLoopback = async (reason: string, folder: string, io: Io, stop: AbortSignal): Promise<number> => {
  const say = (text: string): unknown => io.stdout.write(`${text}\n`)
  say(`This host can't simulate two clouds: ${reason}.`)
  say('Here is the same engine on loopback, against a service that is well and a port where nothing listens.\n')
  const here: Stage = { start: (argv, stdio) => spawn(argv[0]!, argv.slice(1), { stdio }) }
  const running = await startService(here, '127.0.0.1', 0)
  const ca = save(folder, 'root.pem', running.rootPem)
  const well = ['run', `localhost:${running.port}`, '--ca', ca, '--sni', host, '--family', '4']
  say(`$ probe ${well.join(' ')}\n`)
  const healthy = await runProbe(here, well, stop)
  const closed = await unusedPort()
  say(`\n$ probe run 127.0.0.1:${closed}\n`)
  const broken = await runProbe(here, ['run', `127.0.0.1:${closed}`], stop)
  running.child.stdin?.end()
  return healthy === 0 && broken === 1 ? 0 : 3
}

const startService = async (
  stage: Stage,
  address: string,
  wantedPort: number,
): Promise<{ child: ChildProcess; port: number; rootPem: string }> => {
  const child = stage.start([process.execPath, service, address, String(wantedPort), 'azure', host], ['pipe', 'pipe', 'inherit'])
  for await (const line of createInterface({ input: child.stdout! }))
    return { child, ...(JSON.parse(line) as { port: number; rootPem: string }) }
  throw new Error('the simulated service did not start')
}

const runProbe = (stage: Stage, words: string[], stop: AbortSignal): Promise<number | null> =>
  new Promise((resolve, reject) => {
    const child = stage.start([process.execPath, probe, ...words], ['pipe', 'inherit', 'inherit'])
    const end = (): void => void child.kill('SIGINT')
    stop.addEventListener('abort', end, { once: true })
    child.once('error', reject)
    child.once('close', code => {
      stop.removeEventListener('abort', end)
      if (stop.aborted) reject(stop.reason)
      else resolve(code)
    })
  })

const save = (folder: string, name: string, text: string): string => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

const unusedPort = (): Promise<number> =>
  new Promise(resolve => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port: free } = server.address() as { port: number }
      server.close(() => resolve(free))
    })
  })
