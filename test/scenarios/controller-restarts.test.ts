/** A controller that ends in the middle of something: of a rollout, by kill -9, and of everything, when it is told to. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { freePorts, waitFor } from '../interop/programs.ts'
import { type ControllerProcess, type Person, personAt, startControllerProcess } from '../lab/controller-process.ts'
import { fleetOf } from '../lab/simulated-agent.ts'
import { type SimulatedFleet, startSimulatedFleet } from '../lab/simulated-fleet.ts'

t.setTimeout(300_000)

type Running = { controller: ControllerProcess; start(): Promise<ControllerProcess>; person: Person; fleet: SimulatedFleet }

const running = async (t: Test, size: number): Promise<Running> => {
  const data = mkdtempSync(join(tmpdir(), 'restarts-'))
  t.teardown(() => rmSync(data, { recursive: true, force: true }))
  const [port = 0] = await freePorts(1)
  const start = async (words?: string[]): Promise<ControllerProcess> => {
    const controller = await startControllerProcess({ data, port, ...(words && { words }) })
    t.teardown(() => controller.child.kill('SIGKILL'))
    return controller
  }
  writeFileSync(join(data, 'fleet.yaml'), fleetOf())
  const controller = await start(['--fleet', join(data, 'fleet.yaml')])
  const person = personAt(controller.url, controller.token)
  await waitFor('fleet', async () => ((await person.get<{ generation: number }>('/v1/fleet')).generation > 0 ? true : undefined))
  const fleet = await startSimulatedFleet({ size, url: controller.url, person })
  return { controller, start, person, fleet }
}

t.test('killed twice in the middle of a rollout: it goes on, and everybody is told once', async t => {
  const { controller, start, person, fleet } = await running(t, 21)
  const before = fleet.agents.map(({ told }) => told.length)
  const stop = new AbortController()
  const sending = fleet.send(stop.signal, 500)
  const { generation } = await person.apply(fleetOf('20s'))
  const told = (): number => fleet.agents.filter(agent => agent.told.at(-1)?.generation === generation).length
  await waitFor('canary', async () => (told() >= 1 ? true : undefined))
  await controller.kill()
  t.equal(told(), 1)
  const second = await start()
  await waitFor('few', async () => (told() >= 2 ? true : undefined))
  await second.kill()
  t.ok(told() < 21, `${told()} of 21 had been told`)
  const third = await start()
  await waitFor('all', async () => (told() === 21 ? true : undefined))
  stop.abort()
  await sending
  t.match(await fleet.count(person), { missing: 0, doubled: 0 })
  for (const [index, agent] of fleet.agents.entries()) {
    t.same(agent.faults, [])
    t.equal(agent.told.length, before[index]! + 1, `${agent.id}: ${JSON.stringify(agent.told)}`)
  }
  await fleet.close()
  t.match(await third.end(), { status: 0 })
})

t.test('told to end while agents send: all that it has acknowledged is stored, and everybody is sent away', async t => {
  const { controller, start, person, fleet } = await running(t, 8)
  const stop = new AbortController()
  const sending = fleet.send(stop.signal)
  const first = fleet.acknowledged() + 100
  await waitFor('load', async () => (fleet.acknowledged() >= first ? true : undefined))
  const ended = await controller.end('SIGTERM')
  t.match(ended, { status: 0 })
  t.ok(ended.tookMs < 25_000, `ended after ${(ended.tookMs / 1000).toFixed(1)} s`)
  t.same(
    fleet.agents.map(({ drains }) => drains),
    fleet.agents.map(() => 1),
  )
  await t.rejects(fetch(controller.url), 'nobody listens any more')
  const again = await start()
  const then = fleet.acknowledged() + 100
  await waitFor('load', async () => (fleet.acknowledged() >= then ? true : undefined))
  stop.abort()
  await sending
  t.match(await fleet.count(person), { missing: 0, doubled: 0 })
  for (const { faults } of fleet.agents) t.same(faults, [])
  await fleet.close()
  t.match(await again.end(), { status: 0 })
})
