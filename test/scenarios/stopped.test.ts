import { once } from 'node:events'
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { type ProcessEntry, readProcesses } from '../../deploy/sim/process-table.ts'
import { collect } from '../../deploy/sim/site-process.ts'
import type { RunDocument } from '../../wire/result.ts'
import { cleanEnv } from '../lab/clean-env.ts'
import { startCloudPair } from '../lab/cloud-pair.ts'
import { needsNamespaces } from '../lab/needs-namespaces.ts'
import { probe } from '../lab/probe-in.ts'
import { startProgram } from '../lab/run-program.ts'
import { listSockets } from '../lab/sockets.ts'

const skip = await needsNamespaces()
/** A second, and room for a machine that is busy with other tests. */
const secondMs = 4000

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  t.test(`${signal} in the middle of a sweep: what is known is printed, at once, and no socket is left`, { skip }, async t => {
    await using pair = await startCloudPair({ forward: { mtu: 1420 }, reverse: { mtu: 1380 } })
    const before = await listSockets(pair, 'aws')
    const argv = [process.execPath, probe, 'run', pair.target, '--ca', pair.ca, '--output', 'json']
    const child = pair.spawn('aws', argv, { env: cleanEnv, stdio: 'pipe' })
    const ended = collect(child, undefined, 20_000)
    // Small echoes are never dropped: three packets that were too big are of the sweep.
    while ((await pair.counters()).azure.aws.dropped.mtu < 3) await sleep(20)
    child.kill(signal)
    const start = performance.now()
    const run = await ended
    const tookMs = performance.now() - start
    t.ok(tookMs < secondMs, `took ${Math.round(tookMs)} ms`)
    t.equal(run.status, status)
    t.match(run.stderr, `stopped by ${signal}`)
    const { results } = JSON.parse(run.stdout) as RunDocument
    t.strictSame(new Set(results.map(({ kind }) => kind)), new Set(['icmp', 'mtu', 'tcp', 'tls']))
    t.match(results.find(({ kind }) => kind === 'tcp')?.outcome, { kind: 'ok' })
    t.match(results.find(({ kind }) => kind === 'mtu')?.outcome, { kind: 'unmeasured', reason: 'aborted' })
    t.strictSame(await listSockets(pair, 'aws'), before)
  })
}

/** The programs that a process has running, and the network namespaces that they hold. */
const listDescendants = (root: number): { programs: ProcessEntry[]; namespaces: string[] } => {
  const all = readProcesses()
  const programs: ProcessEntry[] = []
  for (const pids = [root]; pids.length > 0; ) {
    const parent = pids.pop()!
    const children = all.filter(one => one.parent === parent)
    programs.push(...children)
    pids.push(...children.map(({ pid }) => pid))
  }
  const namespaces = programs.map(({ pid }) => netOf(pid)).filter(name => name !== netOf(process.pid))
  return { programs, namespaces: [...new Set(namespaces)] }
}

const netOf = (pid: number): string => {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`)
  } catch {
    return netOf(process.pid)
  }
}

t.test('Ctrl-C of the demonstration leaves no process, namespace or file', { skip }, async t => {
  const folder = mkdtempSync(join(tmpdir(), 'stopped-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const child = startProgram([process.execPath, probe, 'sim', 'demo'], { TMPDIR: folder })
  let printed = ''
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (printed += text))
  while (!printed.includes('✓ tcp')) await once(child.stdout!, 'data')
  const { programs, namespaces } = listDescendants(child.pid!)
  t.ok(programs.length >= 5 && namespaces.length >= 3, 'two clouds and the network between them')
  // As a terminal does it: to the whole group.
  process.kill(-child.pid!, 'SIGINT')
  const start = performance.now()
  t.strictSame(await once(child, 'close'), [130, null])
  t.ok(performance.now() - start < 3 * secondMs)
  t.strictSame(readdirSync(folder), [])
  const now = readProcesses()
  t.strictSame(
    programs.filter(one => now.some(other => other.pid === one.pid && other.startedAt === one.startedAt)),
    [],
  )
  t.strictSame(
    now.filter(({ pid }) => namespaces.includes(netOf(pid))),
    [],
  )
})
