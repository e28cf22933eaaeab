/** A controller that was taken over assigns what it likes: the local policy is asked at every dial, and the budget stays that of the file. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startAgent } from '../../agent/agent.ts'
import type { Log } from '../../agent/log.ts'
import { agentConfig, quietWorld } from './agent-here.ts'
import { countingServer } from './counting-server.ts'

/** A log that can be waited for: resolves when each of the texts has been in a line. */
const listeningLog = () => {
  const lines: string[] = []
  const waiting = new Set<() => void>()
  const take = (_facts: object, message: string): void => {
    lines.push(message)
    for (const one of waiting) one()
  }
  const log: Log = { info: take, warn: take, error: take }
  const hears = (texts: readonly string[]): Promise<void> =>
    new Promise(resolve => {
      const one = (): void => {
        if (texts.every(text => lines.some(line => line.includes(text)))) resolve()
      }
      waiting.add(one)
      one()
    })
  return { log, lines, hears }
}

const start = async (t: Test, policy: object) => {
  const folder = mkdtempSync(join(tmpdir(), 'agent-'))
  const { log, lines, hears } = listeningLog()
  const agent = await startAgent(agentConfig(folder, {}, policy), quietWorld({ log }))
  t.teardown(async () => {
    await agent.close(0)
    rmSync(folder, { recursive: true, force: true })
  })
  return { agent, lines, hears }
}

/** How a controller might write them, and what the log must call each. */
const denied = {
  metadata: ['169.254.169.254:80', '169.254.169.254 is a metadata service'],
  'metadata-6': ['[fd00:ec2::254]:80', 'fd00:ec2::254 is a metadata service'],
  mapped: ['[::ffff:169.254.169.254]:80', '169.254.169.254'],
  hex: ['[::ffff:a9fe:a9fe]:80', '169.254.169.254'],
  nat64: ['[64:ff9b::a9fe:a9fe]:80', '(169.254.169.254 inside)'],
  'own-nat64': ['[2001:db8:64::a9fe:a9fe]:80', '2001:db8:64::a9fe:a9fe (169.254.169.254 inside)'],
  'six-to-four': ['[2002:a9fe:a9fe::1]:80', '2002:a9fe:a9fe::1 (169.254.169.254 inside)'],
  credentials: ['169.254.170.2:80', '169.254.170.2 is a credentials service'],
  loopback: ['127.0.0.1:22', '127.0.0.1 is loopback'],
  'this-host': ['0.0.0.0:22', '0.0.0.0 is this host'],
  'by-name': ['localhost:22', 'is loopback'],
} as const

t.test('metadata, loopback and what hides them: each is denied where it is dialled, and told', async t => {
  const { agent, hears, lines } = await start(t, { nat64: ['2001:db8:64::/96'] })
  const targets = Object.entries(denied).map(([name, [address]]) => ({ name, address }))
  const checks = (['tcp', 'dns'] as const).map(kind => ({
    name: kind,
    kind,
    every: '200ms',
    ...(kind === 'dns' ? { targets: ['by-name'], options: { resolvers: ['169.254.169.253', '127.0.0.53'] } } : {}),
  }))
  t.same((await agent.assign({ targets, checks })).problems, [])
  await hears([...Object.values(denied).map(([, words]) => words), '169.254.169.253 is link-local'])
  t.notOk(
    lines.some(line => /refused|connected|timeout/.test(line)),
    lines.join('\n'),
  )
})

t.test("files, sockets and identities of the agent are not an assignment's to name, its other checks run", async t => {
  const { port, reaches } = await countingServer(t)
  const { agent } = await start(t, { allow: ['127.0.0.0/8'] })
  const check = { every: '100ms', lateness: '10s' }
  const { paths, problems } = await agent.assign({
    targets: [{ name: 'here', address: `127.0.0.1:${port}` }],
    checks: [
      { ...check, name: 'good', kind: 'tcp' },
      { ...check, name: 'read', kind: 'mtls', options: { caFile: '/etc/shadow' } },
      { ...check, name: 'socket', kind: 'mtls', options: { workloadApi: 'unix:///var/run/docker.sock' } },
      { ...check, name: 'hang', kind: 'http', options: { expectPattern: '(a+)+$' } },
    ],
  })
  t.equal(paths, 1)
  t.equal(problems.length, 3, problems.join('\n'))
  await reaches(2)
})

t.test('a budget can be made smaller by an assignment, and not larger', async t => {
  const { port, connections, reaches } = await countingServer(t)
  const { agent } = await start(t, { allow: ['127.0.0.0/8'], budgets: { probesPerSecond: 5 } })
  const targets = Array.from({ length: 50 }, (_, i) => ({ name: `t${i}`, address: `127.0.0.1:${port}` }))
  const checks = [{ name: 'flood', kind: 'tcp', every: '100ms', lateness: '10s' }]
  const startMs = performance.now()
  await agent.assign({ targets, checks, probesPerSecond: 10_000 })
  await reaches(12)
  const seconds = (performance.now() - startMs) / 1000
  t.ok(connections() <= 5 * (seconds + 1) + 1, `${connections()} in ${seconds.toFixed(1)} s`)
  await agent.assign({ targets, checks, probesPerSecond: 0 })
  const before = connections()
  // Those under way may still arrive.
  await new Promise(resolve => setTimeout(resolve, 1500))
  t.ok(connections() <= before + 1, 'none at all with a budget of nothing')
})
