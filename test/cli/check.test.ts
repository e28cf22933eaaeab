/** `probe check` against a server that answers as the controller's runs do, one answer after the other. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import type { CheckAttempt, CheckRun } from '../../cli/check-text.ts'
import type { Io } from '../../cli/io.ts'
import { main } from '../../cli/main.ts'
import { diagnose } from '../../judge/diagnose/diagnose.ts'
import type { AnyResult } from '../../wire/result.ts'
import { blackHole, result, startedAt, worldOf } from './canned.ts'
import { parseXml } from './xml.ts'

const asked = { from: 'aws/us-east-1', to: 'azure/eastus', bothWays: true }

const attempt = (direction: CheckAttempt['direction'], more: Partial<CheckAttempt> = {}): CheckAttempt => ({
  agent: direction === 'forward' ? 'eks/n1' : 'aks/n1',
  direction,
  target: direction === 'forward' ? { name: 'agent/aks/n1', address: '10.2.0.9:7460' } : { name: 'agent/eks/n1', address: '10.1.0.9:7460' },
  state: 'done',
  verdict: 'ok',
  results: [result('icmp') as AnyResult, result('tcp') as AnyResult],
  diagnosis: [],
  problems: [],
  ...more,
})
const waiting: Partial<CheckAttempt> = { state: 'waiting', verdict: 'unmeasured', results: [] }
const hole = [blackHole.mtu, blackHole.tls] as AnyResult[]
const failing: Partial<CheckAttempt> = { verdict: 'fail', results: hole, diagnosis: diagnose(hole, { startedAt }) }

const runOf = (agents: CheckAttempt[], more: Partial<CheckRun> = {}): CheckRun => ({
  schema: 'causeway.check/1',
  id: 'r 1',
  author: 'ann',
  expiresAt: startedAt,
  state: agents.every(({ state }) => state === 'done') ? 'done' : 'running',
  verdict: 'ok',
  createdAt: startedAt,
  asked,
  agents,
  ...more,
})

type Seen = { method: string; url: string; body: string }

const serve = async (t: Test, answers: CheckRun[]): Promise<{ url: string; seen: Seen[] }> => {
  const seen: Seen[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    seen.push({ method: request.method!, url: request.url!, body })
    response.writeHead(request.method === 'POST' ? 201 : 200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(request.method === 'POST' ? answers[0] : answers.length > 1 ? answers.shift() : answers[0]))
  })
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  t.teardown(() => void server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
}

const check = async (t: Test, answers: CheckRun[], more: string[] = [], io: Partial<Io> = {}) => {
  const { url, seen } = await serve(t, answers)
  const world = worldOf({ LANG: 'C.UTF-8', HOME: '/nonexistent', CAUSEWAY_CONTROLLER: url, CAUSEWAY_TOKEN: 'cwp_x' })
  const code = await main(['check', '--from', 'aws/us-east-1', '--to', 'azure/eastus', '--both-ways', ...more], { ...world, ...io })
  return { code, out: world.out(), err: world.err(), seen }
}

t.test('it waits for both ways, prints each as probe run does, and the last line says which way fails', async t => {
  const { code, out, seen } = await check(t, [
    runOf([attempt('forward', waiting), attempt('reverse', waiting)]),
    runOf([attempt('forward'), attempt('reverse', waiting)]),
    runOf([attempt('forward'), attempt('reverse', failing)]),
  ])
  t.equal(code, 1)
  t.match(seen[0], { method: 'POST', url: '/v1/runs' })
  t.same(JSON.parse(seen[0]!.body), asked)
  t.match(seen[1], { method: 'GET', url: '/v1/runs/r%201?wait=10s' })
  const lines = out.trimEnd().split('\n')
  t.equal(lines[0], 'aws/us-east-1 → azure/eastus  eks/n1 to agent/aks/n1 10.2.0.9:7460')
  t.equal(lines.filter(line => line.startsWith('aws/us-east-1 → azure/eastus  ')).length, 1, 'each is told once')
  t.match(out, /✓ icmp +5\/5 replies/)
  t.match(out, /azure\/eastus → aws\/us-east-1 {2}aks\/n1 to agent\/eks\/n1.*✗ mtu .*path MTU black hole/s)
  t.same(lines.slice(-2), ['aws/us-east-1 → azure/eastus: ok', 'azure/eastus → aws/us-east-1: FAILS'])
})

t.test('for programs it is one document', async t => {
  const run = runOf([attempt('forward'), attempt('reverse', failing)])
  const json = await check(t, [run], ['--output', 'json'])
  t.equal(json.code, 1)
  t.same(JSON.parse(json.out), JSON.parse(JSON.stringify(run)))
  const junit = await check(t, [run], ['--output', 'junit'])
  t.equal(junit.code, 1)
  const suites = parseXml(junit.out)
  t.match(JSON.stringify(suites), 'azure/eastus → aws/us-east-1 (aks/n1 to agent/eks/n1)')
  t.match(junit.out, /<testsuites name="probe check">.*failures="2".*type="mtu_black_hole"/s)
})

const endings: [name: string, answer: CheckRun, code: number, told: RegExp][] = [
  ['all is well', runOf([attempt('forward'), attempt('reverse')]), 0, /azure\/eastus → aws\/us-east-1: ok\n$/],
  ['warnings are allowed', runOf([attempt('forward', { verdict: 'degraded' }), attempt('reverse')]), 0, /works, with warnings/],
  [
    'an agent that measured nothing is not ok',
    runOf([attempt('forward'), attempt('reverse', { verdict: 'unmeasured', results: [], problems: ['local policy: denied'] })]),
    3,
    /local policy: denied.*azure\/eastus → aws\/us-east-1: not measured/s,
  ],
  ['a way without any agent is not ok', runOf([attempt('forward')]), 3, /aws\/us-east-1 → azure\/eastus: ok\n$/],
  [
    'of two agents one way the worse counts',
    runOf([attempt('forward'), attempt('forward', { ...failing, agent: 'eks/n2' }), attempt('reverse')]),
    1,
    /aws\/us-east-1 → azure\/eastus: FAILS/,
  ],
  [
    'one that has not answered when it ends is not measured',
    runOf([attempt('forward'), attempt('reverse', { ...waiting, state: 'expired' })], { state: 'expired' }),
    3,
    /not measured/,
  ],
]
for (const [name, answer, code, told] of endings)
  t.test(name, async t => {
    const said = await check(t, [answer])
    t.equal(said.code, code)
    t.match(said.out, told)
  })

t.test('after its time it says what it knows, and where the rest will be', async t => {
  let nowMs = 0
  const { code, err, out } = await check(t, [runOf([attempt('forward'), attempt('reverse', waiting)])], ['--timeout', '30s'], {
    elapsedMs: () => {
      nowMs += 12_000
      return nowMs
    },
  })
  t.equal(code, 3)
  t.match(err, /not all agents have answered in time; probe get run r 1/)
  t.match(out, /aws\/us-east-1 → azure\/eastus: ok\nazure\/eastus → aws\/us-east-1: not measured\n$/)
})

t.test('bad usage is told at once, and nothing is asked of anybody', async t => {
  const { code, err, seen } = await check(
    t,
    [],
    ['x', '--kinds', 'icmp,teleport', '--agents', '50', '--timeout', 'soon', '--output', 'pdf'],
  )
  t.equal(code, 2)
  for (const told of [/"x" does not belong/, /"teleport"/, /--agents: got "50", want 1 to 10/, /--timeout: "soon"/, /"pdf"/])
    t.match(err, told)
  t.same(seen, [])
})
