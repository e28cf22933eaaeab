/** The whole agent, in this process, under a fake controller. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Agent, startAgent } from '../../../agent/agent.ts'
import { listen } from '../../servers/listening.ts'
import { agentConfig, quietWorld } from '../agent-here.ts'
import { type FakeController, startFakeController, until } from './fake-controller.ts'
import { folderOf, joinText, remembering, type Said } from './following.ts'

type Started = { agent: Agent; said: Said[]; folder: string }

const startUnder = async (
  t: Test,
  controller: Pick<FakeController, 'url'>,
  more: Record<string, unknown> & { folder?: string; joinToken?: string } = {},
): Promise<Started> => {
  const { folder = folderOf(t), joinToken: _, ...config } = more
  const joinToken = 'joinToken' in more ? more.joinToken : joinText()
  const { log, said } = remembering()
  const whole = {
    controller: { url: controller.url, ...(joinToken === undefined ? {} : { joinToken }) },
    responder: { bind: ['127.0.0.1'], tcp: 0, udp: 0 },
    ...config,
  }
  const agent = await startAgent(agentConfig(folder, whole), quietWorld({ log, random: () => 0.002 }))
  let ended = false
  const close = agent.close
  agent.close = async ms => {
    if (ended) return
    ended = true
    await close(ms)
  }
  t.teardown(() => agent.close(0))
  return { agent, said, folder }
}

/** Something to measure. */
const startTarget = async (t: Test): Promise<{ address: string; connections(): number }> => {
  const server = await listen(createServer(socket => socket.end()))
  t.teardown(server.close)
  return { address: `127.0.0.1:${server.port}`, connections: server.connections }
}

const assignmentTo = (address: string, revision = 'r1', generation = 7): object => ({
  revision,
  generation,
  targets: [{ name: 'there', address, moon: 'unknown' }],
  checks: [{ name: 'connect', kind: 'tcp', every: '100ms', options: {}, moon: 'unknown' }],
  moon: 'unknown',
})

t.test('it enrols, runs what it is told, says so, and sends what it has measured in the name that it was given', async t => {
  const [controller, target] = [await startFakeController(t), await startTarget(t)]
  const { agent } = await startUnder(t, controller)
  await until(() => controller.streams.size === 1)
  const { details, advertise } = controller.asked.enrol[0]!.body
  t.match(details, { version: 'test', boot: /^[0-9a-f]{16}$/, serves: ['echo'] })
  t.notOk(
    (advertise as { host: string }[]).some(({ host }) => /^127\.|^::1$/.test(host)),
    'loopback is no address for others',
  )
  controller.say('assignment', assignmentTo(target.address), 'r1')
  await until(() => controller.asked.ack.length === 1 && target.connections() > 2)
  t.match(controller.asked.ack[0]!.body, { revision: 'r1', generation: 7, outcome: 'running', problems: [], paths: 1 })
  t.equal(controller.asked.ack[0]!.headers.authorization, 'Bearer credential-0')
  await agent.close(5_000)
  const [metrics] = controller.asked.metrics
  t.match(metrics!.headers, { authorization: 'Bearer credential-0', 'causeway-agent': 'cluster/node-1', 'causeway-boot': details.boot })
  const text = metrics!.raw.toString('latin1')
  for (const word of ['cluster/node-1', 'us-east-1', 'connect', 'causeway.agent.assignment.generation']) t.match(text, word)
  t.equal(controller.streams.size, 0)
  t.match(controller.asked.ack.at(-1)!.body, { revision: 'r1', outcome: 'leaving' }, 'it says goodbye')
})

t.test('labels of the file are said at enrolment and at each renewal', async t => {
  const controller = await startFakeController(t, { lifeMs: 3_000 })
  const labels = { team: 'payments', ring: 'canary' }
  const { agent } = await startUnder(t, controller, { agent: { id: 'here', interception: 'off', labels } })
  await until(() => controller.asked.renew.length > 0)
  for (const { body } of [controller.asked.enrol[0]!, controller.asked.renew[0]!]) t.same(body.labels, labels)
  await agent.close(0)
})

t.test('results that are refused for their credential are sent with another, which is asked for at once', async t => {
  const [controller, target] = [await startFakeController(t), await startTarget(t)]
  controller.on.metrics = ({ headers }, response) =>
    void response.writeHead(headers.authorization === 'Bearer credential-0' ? 401 : 200).end()
  const { agent } = await startUnder(t, controller)
  await until(() => controller.streams.size === 1)
  controller.say('assignment', assignmentTo(target.address), 'r1')
  await until(() => controller.asked.metrics.some(({ headers }) => headers.authorization === 'Bearer credential-1'))
  t.equal(controller.asked.enrol.length, 2)
  await agent.close(0)
})

t.test('while the controller is away the last assignment goes on, over a restart too, and nothing is lost', async t => {
  const [controller, target] = [await startFakeController(t), await startTarget(t)]
  const first = await startUnder(t, controller)
  await until(() => controller.streams.size === 1)
  controller.say('assignment', assignmentTo(target.address), 'r1')
  await until(() => controller.asked.ack.length === 1)
  await controller.close()
  const then = target.connections()
  await until(() => target.connections() > then + 3)
  await first.agent.close(0)
  const between = target.connections()
  const second = await startUnder(t, controller, { folder: first.folder, joinToken: undefined })
  await until(() => target.connections() > between + 3)
  t.match(
    second.said.find(({ message }) => message.startsWith('goes on')),
    { facts: { generation: 7 } },
  )
  const back = await startFakeController(t, { port: controller.port })
  await until(() => back.streams.size === 1 && back.asked.ack.length === 1)
  t.equal(back.asked.stream[0]!.headers['last-event-id'], 'r1')
  t.match(back.asked.ack[0]!.body, { revision: 'r1', outcome: 'running' })
  t.equal(back.asked.enrol.length, 0)
  await until(() => back.asked.metrics.length > 0)
  t.match(back.asked.metrics[0]!.headers, { 'causeway-agent': 'cluster/node-1' }, 'what was measured meanwhile arrives')
  await second.agent.close(1_000)
})

t.test('an assignment that cannot be taken changes nothing; one that can be taken in part says which part not', async t => {
  const [controller, target] = [await startFakeController(t), await startTarget(t)]
  const { agent, folder } = await startUnder(t, controller)
  await until(() => controller.streams.size === 1)
  controller.say('assignment', assignmentTo(target.address), 'r1')
  await until(() => controller.asked.ack.length === 1)
  const kept = (): string => readFileSync(join(folder, 'data', 'controller', `127.0.0.1_${controller.port}`, 'assignment.json'), 'utf8')
  const good = kept()
  controller.say('assignment', { revision: 'r2', generation: 8, targets: 'none', checks: {} })
  await until(() => controller.asked.ack.length === 2)
  t.match(controller.asked.ack[1]!.body, { revision: 'r2', outcome: 'refused', problems: [/want lists/] })
  t.equal(kept(), good)
  const before = target.connections()
  await until(() => target.connections() > before + 2)
  const half = {
    ...assignmentTo(target.address, 'r3', 9),
    checks: [
      { name: 'moon', kind: 'moonshot', every: '1s' },
      { name: 'c', kind: 'tcp', every: '100ms' },
    ],
  }
  controller.say('assignment', half, 'r3')
  await until(() => controller.asked.ack.length === 3)
  t.match(controller.asked.ack[2]!.body, { revision: 'r3', outcome: 'running', problems: [/moonshot/], paths: 1 })
  await agent.close(0)
})

t.test('an assignment that ends the process three times is given up for the one before', async t => {
  const [controller, target] = [await startFakeController(t), await startTarget(t)]
  const first = await startUnder(t, controller)
  await until(() => controller.streams.size === 1)
  controller.say('assignment', assignmentTo(target.address, 'good', 1), 'good')
  await until(() => controller.asked.ack.length === 1)
  await first.agent.close(0)
  const directory = join(first.folder, 'data', 'controller', `127.0.0.1_${controller.port}`)
  // As a process leaves it that was killed under an assignment on trial.
  renameSync(join(directory, 'assignment.json'), join(directory, 'assignment-before.json'))
  writeFileSync(join(directory, 'assignment.json'), JSON.stringify(assignmentTo(target.address, 'poison', 2)))
  writeFileSync(join(directory, 'trial.json'), JSON.stringify({ version: 'test', revision: 'poison', crashes: 2 }))
  const again = await startUnder(t, controller, { folder: first.folder, joinToken: undefined })
  t.match(
    again.said.find(({ level }) => level === 'error'),
    { facts: { revision: 'poison' }, message: /three times/ },
  )
  await until(() => controller.asked.ack.some(({ body }) => body.revision === 'good') && controller.streams.size === 1)
  t.equal(controller.asked.stream.at(-1)!.headers['last-event-id'], 'good')
  const acks = controller.asked.ack.length
  controller.say('assignment', assignmentTo(target.address, 'poison', 2), 'poison')
  await until(() => controller.asked.ack.length > acks)
  t.match(controller.asked.ack.at(-1)!.body, { revision: 'poison', outcome: 'refused', problems: [/three times/] })
  controller.say('assignment', assignmentTo(target.address, 'better', 3), 'better')
  await until(() => controller.asked.ack.length > acks + 1)
  t.match(controller.asked.ack.at(-1)!.body, { revision: 'better', outcome: 'running' })
})

t.test('a run that is asked for is answered once, under the local policy, beside the schedule', async t => {
  const [controller, target] = [await startFakeController(t), await startTarget(t)]
  await startUnder(t, controller)
  await until(() => controller.streams.size === 1)
  const run = {
    id: 'part-1',
    withinMs: 10_000,
    targets: [
      { name: 'there', address: target.address },
      { name: 'metadata', address: '169.254.169.254:80' },
    ],
    checks: [
      { name: 'ask', kind: 'tcp', every: '10s' },
      { name: 'moon', kind: 'moonshot', every: '10s' },
    ],
  }
  controller.say('run', run)
  controller.say('run', run)
  controller.say('run', { id: 'no work', withinMs: 1_000 })
  await until(() => controller.asked.results.length === 2)
  const [answer] = controller.asked.results.filter(({ path }) => path === '/v1/runs/part-1/results')
  t.match(answer!.body, { problems: [/moonshot/], done: true })
  const results = answer!.body.results as { target: { name: string }; check: string; outcome: object }[]
  t.match(
    results.toSorted((a, b) => a.target.name.localeCompare(b.target.name)),
    [
      { check: 'ask', target: { name: 'metadata' }, outcome: { kind: 'unmeasured', reason: 'target_denied' } },
      { check: 'ask', target: { name: 'there' }, outcome: { kind: 'ok' } },
    ],
  )
  t.equal(target.connections(), 1)
})

t.test('a clock that is set by a day ends nothing', async t => {
  const controller = await startFakeController(t)
  let offMs = 0
  const config = { controller: { url: controller.url, joinToken: joinText() }, responder: { enabled: false } }
  const clock = { elapsedMs: () => performance.now(), nowMs: () => Date.now() + offMs }
  const agent = await startAgent(agentConfig(folderOf(t), config), quietWorld({ clock, random: () => 0.002 }))
  t.teardown(() => agent.close(0))
  await until(() => controller.streams.size === 1)
  offMs = 86_400_000
  for (const stream of controller.streams) stream.destroy()
  await until(() => controller.asked.stream.length === 2)
  t.equal(controller.asked.enrol.length + controller.asked.renew.length, 1)
})

t.test('without a proof and without a credential it does not start, and says what is missing', async t => {
  const controller = await startFakeController(t)
  await t.rejects(startUnder(t, controller, { joinToken: undefined }), { message: /^controller: nothing to prove .*--join-token-file/ })
})
