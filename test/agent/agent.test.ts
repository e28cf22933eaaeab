import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startAgent } from '../../agent/agent.ts'
import { openSpool } from '../../agent/spool/spool.ts'
import { agentConfig, quietWorld } from './agent-here.ts'
import { countingServer } from './counting-server.ts'

const folderOf = (t: Test): string => {
  const folder = mkdtempSync(join(tmpdir(), 'agent-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const takenPort = async (t: Test): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  t.teardown(() => server.close())
  return (server.address() as { port: number }).port
}

/** What keeps this process alive: timers and sockets. Closing ones are requests, which end by themselves. */
const resources = (): string[] =>
  process
    .getActiveResourcesInfo()
    .filter(name => !name.endsWith('Req'))
    .toSorted()

t.test('a start that fails says what to change, and leaves nothing behind', async t => {
  const port = await takenPort(t)
  const checks = [{ name: 'c', kind: 'tcp', every: '100ms' }]
  const targets = [{ name: 'here', address: `127.0.0.1:${port}` }]
  const cases = {
    'the port of its page': [{ listen: `127.0.0.1:${port}` }, /EADDRINUSE.*--listen, CAUSEWAY_LISTEN or listen in the file/],
    'a port of its responder': [
      { responder: { bind: ['127.0.0.1'], tcp: port, udp: 0 } },
      /responder\.tcp: .*EADDRINUSE.*responder in the file/,
    ],
    'an address that is not here': [{ listen: '192.0.2.77:0' }, /EADDRNOTAVAIL.*--listen/],
  } as const
  for (const [name, [more, words]] of Object.entries(cases)) {
    const folder = folderOf(t)
    const before = resources()
    const config = agentConfig(folder, { targets, checks, export: [{ url: 'http://127.0.0.1:9' }], ...more })
    await t.rejects(startAgent(config, quietWorld()), { message: words }, name)
    t.same(resources(), before, `${name}: no timer, no socket`)
    const spool = await openSpool({ directory: join(folder, 'data', 'spool'), endpoints: [], nowMs: Date.now })
    t.same(spool.state().degraded, undefined, `${name}: no lock`)
    await spool.close()
  }
})

t.test('a data directory that is in use names the flag that gives another', async t => {
  const folder = folderOf(t)
  const first = await startAgent(agentConfig(folder, {}), quietWorld())
  await t.rejects(startAgent(agentConfig(folder, {}), quietWorld()), {
    name: 'DirectoryInUse',
    message: /in use by another agent: pid \d+ .*--data, CAUSEWAY_DATA or data in the file/,
  })
  await first.close(0)
})

t.test('an agent that was closed leaves nothing behind', async t => {
  const before = resources()
  const checks = [{ name: 'c', kind: 'tcp', every: '100ms' }]
  const targets = [{ name: 'here', address: '127.0.0.1:9' }]
  const config = agentConfig(folderOf(t), { targets, checks, responder: { bind: ['127.0.0.1'], tcp: 0, udp: 0 }, listen: '127.0.0.1:0' })
  const agent = await startAgent(config, quietWorld())
  t.ok(agent.listening.web && agent.listening.responder?.['tcp'])
  await agent.close(0)
  t.same(resources(), before)
})

t.test("an assignment runs beside the file's own checks, outlives a reload, and is taken back", async t => {
  const [own, assigned] = [await countingServer(t), await countingServer(t)]
  const folder = folderOf(t)
  const file = {
    targets: [{ name: 'own', address: `127.0.0.1:${own.port}` }],
    checks: [{ name: 'c', kind: 'tcp', every: '100ms', lateness: '10s' }],
  }
  const agent = await startAgent(agentConfig(folder, file), quietWorld())
  t.teardown(() => agent.close(0))
  const assignment = {
    targets: [{ name: 'theirs', address: `127.0.0.1:${assigned.port}` }],
    checks: [{ name: 'd', kind: 'tcp', every: '100ms', lateness: '10s' }],
  }
  t.same(await agent.assign(assignment, 7), { taken: true, paths: 1, elsewhere: [], problems: [] })
  await Promise.all([own.reaches(3), assigned.reaches(3)])
  await agent.reload(agentConfig(folder, { ...file, probesPerSecond: 100 }))
  await Promise.all([own.reaches(3), assigned.reaches(3)])
  t.match(await agent.assign('nonsense'), { taken: false, problems: [/not an assignment/] })
  await assigned.reaches(3)
  t.match(await agent.assign(undefined), { taken: true, paths: 0 })
  await own.reaches(3)
})
