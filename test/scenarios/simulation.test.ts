/** `probe sim`: three clouds as real processes, broken and repaired from another terminal, and nothing left afterwards, however it ends. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { SimStatus } from '../../cli/sim/control.ts'
import { waitFor } from '../interop/programs.ts'
import { needsNamespaces } from '../lab/needs-namespaces.ts'
import { probe } from '../lab/probe-in.ts'
import { runProgram, startProgram } from '../lab/run-program.ts'

const skip = await needsNamespaces()
t.setTimeout(400_000)
const folder = mkdtempSync(join(tmpdir(), 'sim-test-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))

/** Each with a folder of its own: simulations of one folder exclude each other. */
const envOf = (name: string) => ({ CAUSEWAY_SIM: join(folder, name), HOME: folder, XDG_CONFIG_HOME: folder })
const command = (...words: string[]): string[] => [process.execPath, probe, ...words]

type Running = { child: ChildProcess; out(): string; said(text: RegExp): Promise<void>; ended: Promise<unknown[]> }
const start = (name: string, ...words: string[]): Running => {
  const child = startProgram(command('sim', ...words), envOf(name))
  let text = ''
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', data => (text += String(data)))
  const ended = once(child, 'close')
  return {
    child,
    ended,
    out: () => text,
    said: pattern =>
      waitFor(
        String(pattern),
        async () => {
          if (child.exitCode !== null) throw new Error(text)
          return pattern.test(text) || undefined
        },
        240_000,
      ).then(() => {}),
  }
}

/** The command lines of this machine that have a folder in them. */
const programsOf = (name: string): string[] =>
  readdirSync('/proc')
    .filter(entry => /^\d+$/.test(entry))
    .flatMap(entry => {
      try {
        return [readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ')]
      } catch {
        return []
      }
    })
    .filter(line => line.includes(join(folder, name)))

const isClean = async (name: string): Promise<true | undefined> => {
  const left = existsSync(join(folder, name)) ? readdirSync(join(folder, name)).filter(entry => entry.startsWith('run-')) : []
  return left.length === 0 && programsOf(name).length === 0 ? true : undefined
}

type Paths = { items: { check: string; measured: { failures?: unknown } | null }[] }

t.test('three clouds come up, a fault shows and goes, and Ctrl-C ends everything', { skip }, async t => {
  const name = 'whole'
  const sim = start(name)
  t.teardown(() => void sim.child.kill('SIGKILL'))
  await sim.said(/Ctrl-C ends everything/)
  const ask = (...words: string[]) => runProgram(command(...words), envOf(name))

  const status = JSON.parse((await ask('sim', 'status', '--output', 'json')).stdout) as SimStatus
  t.equal(status.machines.length, 13, 'six agents, six services and the controller')
  const agents = JSON.parse((await ask('get', 'agents', '--output', 'json')).stdout) as { items: { state: string }[] }
  t.strictSame(new Set(agents.items.map(({ state }) => state)), new Set(['live']), 'the commands find the controller by themselves')
  t.equal(agents.items.length, 6)

  const second = await ask('sim')
  t.equal(second.status, 3)
  t.match(second.stderr, /^probe sim: a simulation runs here already \(process \d+\): [^\n]+\n$/)
  const unknown = await ask('sim', 'fault', 'mtu-black-whole')
  t.equal(unknown.status, 2)
  t.match(unknown.stderr, /did you mean mtu-black-hole\?/)

  t.match((await ask('sim', 'fault', 'wrong-identity')).stdout, /^wrong-identity is on: /)
  await waitFor(
    'id_mismatch',
    async () => {
      const { stdout } = await ask('get', 'paths', '--check', 'mtls', '--target', 'ledger', '--output', 'json')
      return JSON.stringify((JSON.parse(stdout) as Paths).items).includes('id_mismatch') || undefined
    },
    120_000,
  )
  t.pass('the agents see another identity')
  t.match((await ask('sim', 'fault', 'list')).stdout, /^ {2}on +wrong-identity +the address of ledger moved/m)
  t.match((await ask('sim', 'fault', 'wrong-identity', 'off')).stdout, /^wrong-identity is off$/m)
  t.match((await ask('sim', 'status')).stdout, /No fault is on/)

  sim.child.kill('SIGINT')
  t.strictSame(await sim.ended, [130, null], sim.out())
  await waitFor('nothing left', () => isClean(name), 30_000)
  t.equal((await ask('sim', 'status')).status, 3)
})

t.test('kill -9 leaves no process and no file of the run, and it can be started again', { skip }, async t => {
  const name = 'killed'
  const sim = start(name)
  await sim.said(/services with SVIDs/)
  t.ok(programsOf(name).length > 3)
  sim.child.kill('SIGKILL')
  await sim.ended
  await waitFor('nothing left', () => isClean(name), 30_000)
  const again = start(name)
  t.teardown(() => void again.child.kill('SIGKILL'))
  await again.said(/the WAN: /)
  again.child.kill('SIGINT')
  t.strictSame(await again.ended, [130, null], 'stopped while it starts')
  t.notMatch(again.out(), /Error|at file:/)
  await waitFor('nothing left', () => isClean(name), 30_000)
})

t.test('a port that is taken is said in one line', { skip }, async t => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => void server.close())
  const { port } = server.address() as { port: number }
  const { status, stderr } = await runProgram(command('sim', '--port', String(port)), envOf('port'))
  t.equal(status, 3)
  t.match(stderr, new RegExp(`^probe sim: port ${port} of 127.0.0.1 is taken: --port [^\\n]+\\n$`))
})

t.test('a place where it can keep nothing is said in one line', { skip }, async t => {
  const places: [string, RegExp][] = [
    ['/proc/simulation', /the folder \/proc\/simulation can't be made \([A-Z]+\): CAUSEWAY_SIM=/],
    [probe, /probe\.mjs is not a folder of yours: /],
    [join(folder, 'x'.repeat(100)), /is too long for a socket in it, want \d+ bytes at most: /],
  ]
  for (const [place, wanted] of places) {
    const { status, stderr } = await runProgram(command('sim'), { ...envOf('none'), CAUSEWAY_SIM: place })
    t.equal(status, 3, place)
    t.match(stderr, /^probe sim: [^\n]+\n$/)
    t.match(stderr, wanted)
  }
  const full = ['unshare', '--mount', ...(process.getuid?.() === 0 ? [] : ['--map-root-user']), 'sh', '-c']
  const mounted = join(folder, 'full')
  mkdirSync(mounted)
  const { status, stderr } = await runProgram(command('sim'), envOf('full'), [
    ...full,
    `mount -t tmpfs -o size=1m none '${mounted}' && exec "$@"`,
    'sh',
  ])
  t.equal(status, 3)
  t.match(stderr, /^probe sim: \d MiB are free in [^\n]+, want \d+ MiB: CAUSEWAY_SIM=<folder> names another\n$/)
})

t.test('where namespaces are impossible it says why, in one line', { skip }, async t => {
  const forbidden = [
    ...['unshare', '--user', '--map-root-user', 'sh', '-c'],
    'echo 0 >/proc/sys/user/max_net_namespaces && echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"',
    'sh',
  ]
  const { status, stderr } = await runProgram(command('sim'), envOf('forbidden'), forbidden)
  t.equal(status, 3)
  t.match(stderr, /^probe sim: this host can't simulate clouds: needs root or user namespaces: sudo sysctl [^\n]+\n$/)
})

t.test('faults can be read about without a simulation, and not switched', async t => {
  const list = await runProgram(command('sim', 'fault', 'list', '--output', 'json'), envOf('none'))
  t.equal(list.status, 0)
  t.ok((JSON.parse(list.stdout) as unknown[]).length >= 14)
  const fault = await runProgram(command('sim', 'fault', 'mtu-black-hole'), envOf('none'))
  t.equal(fault.status, 3)
  t.equal(fault.stderr, 'probe sim: no simulation runs here: probe sim starts one\n')
})

t.test('words that mean nothing are all told at once', async t => {
  const { status, stderr } = await runProgram(command('sim', 'faults', '--port', 'x', '--speed', '9'), envOf('none'))
  t.equal(status, 2)
  t.match(stderr, /unknown option "--speed"/)
  t.match(stderr, /unknown command "faults"/)
  t.match((await runProgram(command('sim', 'fault', 'x', 'maybe'), envOf('none'))).stderr, /"maybe": want on or off/)
})
