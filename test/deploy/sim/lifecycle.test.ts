import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { ownerMark, removeLeftOver } from '../../../deploy/sim/left-over.ts'
import { startNetwork } from '../../../deploy/sim/network.ts'
import { readProcess, readProcesses } from '../../../deploy/sim/process-table.ts'
import { cleanEnv } from '../../lab/clean-env.ts'
import { needsNamespaces, needsRoot } from '../../lab/needs-namespaces.ts'
import { program } from './two-sites.ts'

const skip = await needsNamespaces()
const asNobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups']
const needsNobody: false | string =
  needsRoot ||
  (spawnSync(asNobody[0]!, [...asNobody.slice(1), ...program('owner').map((word, at) => (at === 0 ? 'cat' : word))]).status === 0
    ? false
    : 'needs a checkout that uid 65534 can read: chmod -R o+rX .')

/** The living processes in one of these network namespaces, and those that carry this owner's mark. */
const remains = (namespaces: string[], mark: string) =>
  readProcesses().filter(({ pid, arguments: words }) => {
    if (words.includes(mark)) return true
    try {
      return namespaces.includes(readlinkSync(`/proc/${pid}/ns/net`))
    } catch {
      return false
    }
  })

async function goneWithin(ms: number, namespaces: string[], mark: string): Promise<boolean> {
  for (const endMs = performance.now() + ms; performance.now() < endMs; await sleep(20))
    if (remains(namespaces, mark).length === 0) return true
  return false
}

type Owner = { owner: ChildProcess; mark: string; namespaces: string[]; userNamespace: boolean }

async function startOwner(prefix: string[], ...args: string[]): Promise<Owner> {
  const [command, ...rest] = [...prefix, ...program('owner', ...args)]
  const owner = spawn(command!, rest, { stdio: ['ignore', 'pipe', 'inherit'], env: cleanEnv })
  const mark = ownerMark(readProcess(owner.pid!)!)
  const [line] = (await once(owner.stdout, 'data')) as [Buffer]
  return { owner, mark, ...(JSON.parse(line.toString()) as { namespaces: string[]; userNamespace: boolean }) }
}

for (const { who, prefix, skipped } of [
  { who: 'its owner', prefix: [], skipped: skip },
  { who: 'an ordinary user', prefix: asNobody, skipped: skip || needsNobody },
]) {
  t.test(`kill -9 of ${who} leaves no process, namespace or file`, { skip: skipped }, async t => {
    const files = readdirSync(tmpdir())
    const { owner, mark, namespaces, userNamespace } = await startOwner(prefix)
    if (prefix.length > 0) t.equal(userNamespace, true)
    t.ok(remains(namespaces, mark).length >= 6, 'the network runs')
    owner.kill('SIGKILL')
    await once(owner, 'exit')
    t.equal(await goneWithin(2000, namespaces, mark), true)
    t.strictSame(
      readdirSync(tmpdir()).filter(file => !files.includes(file) && /causeway|network|sim/.test(file)),
      [],
    )
  })
}

t.test('an owner that just exits takes its network along', { skip }, async t => {
  const { owner, mark, namespaces } = await startOwner([], 'exit')
  if (owner.exitCode === null) await once(owner, 'exit')
  t.equal(await goneWithin(2000, namespaces, mark), true)
})

t.test('stop ends every process, may be called twice, and nothing starts afterwards', { skip }, async t => {
  const network = await startNetwork({ sites: { one: {} } })
  const namespaces = [readlinkSync(`/proc/${network.sites.one.pid}/ns/net`)]
  const child = network.spawn('one', ['sh', '-c', 'trap "" TERM; echo ready; sleep 1000'], { stdio: ['ignore', 'pipe', 'ignore'] })
  await once(child.stdout!, 'data')
  await Promise.all([network.stop(), network.stop()])
  t.equal(remains(namespaces, 'no mark').length, 0)
  t.equal(child.signalCode, 'SIGKILL')
  t.throws(() => network.spawn('one', ['true']), /has stopped/)
  await t.rejects(network.counters(), /ended/)
})

t.test('an aborted signal refuses the start, ends a start midway, and stops a network that runs', { skip }, async t => {
  const sites = { one: {} }
  await t.rejects(startNetwork({ sites }, AbortSignal.abort(new Error('not now'))), /not now/)
  const mark = ownerMark(readProcess(process.pid)!)
  await t.rejects(startNetwork({ sites }, AbortSignal.timeout(60)), { name: 'TimeoutError' })
  t.equal(await goneWithin(2000, [], mark), true)
  const abort = new AbortController()
  const network = await startNetwork({ sites }, abort.signal)
  const namespaces = [readlinkSync(`/proc/${network.sites.one.pid}/ns/net`)]
  abort.abort()
  t.equal(await goneWithin(2000, namespaces, mark), true)
  await network.stop()
})

t.test('the next start ends what an owner that is gone has left, and nothing of a living one', { skip }, async t => {
  const idle = (mark: string) =>
    spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', '--', mark], { stdio: 'ignore', env: cleanEnv })
  const orphan = idle(ownerMark({ pid: process.pid, startedAt: '1' }))
  const owned = idle(ownerMark(readProcess(process.pid)!))
  t.teardown(() => owned.kill('SIGKILL'))
  await Promise.all([once(orphan, 'spawn'), once(owned, 'spawn')])
  const ended = removeLeftOver()
  t.ok(ended.includes(orphan.pid!))
  t.notOk(ended.includes(owned.pid!))
  if (orphan.signalCode === null) await once(orphan, 'exit')
  t.equal(orphan.signalCode, 'SIGKILL')
})

t.test('a fresh network carries its first packets: nothing waits for carriers or addresses', { skip }, async t => {
  for (let round = 0; round < 4; round++) {
    await using network = await startNetwork({ sites: { aws: {}, azure: {}, gcp: {} } })
    const script = `for (const host of ${JSON.stringify([network.sites.gcp.address, network.sites.azure.address6])}) {
      const at = performance.now(); require('net').connect(1, host).on('error', e => console.log(e.code, performance.now() - at < 500)) }`
    const { stdout } = await network.run('aws', [process.execPath, '-e', script], { env: cleanEnv })
    t.equal(stdout, 'ECONNREFUSED true\n'.repeat(2))
  }
})
