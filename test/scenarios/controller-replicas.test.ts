/** Two controllers over one PostgreSQL behind a balancer, and the one that plans is killed. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { needsPostgres, startCluster } from '../controller/store/postgres-cluster.ts'
import { freePorts, waitFor } from '../interop/programs.ts'
import { startBalancer } from '../lab/balancer.ts'
import { type ControllerProcess, personAt, startControllerProcess } from '../lab/controller-process.ts'
import { enrol, fleetOf } from '../lab/simulated-agent.ts'
import { startSimulatedFleet } from '../lab/simulated-fleet.ts'

t.setTimeout(400_000)
const leads = /^this controller plans from now on$/
/** A lease ends after 10 s, and is asked for every three (controller/store/leadership.ts). */
const takenOverMs = 15_000

t.test('agents go on, another plans within 15 s, and nothing is lost or counts twice', { skip: needsPostgres }, async t => {
  const cluster = await startCluster()
  const folder = mkdtempSync(join(tmpdir(), 'replicas-'))
  t.teardown(async () => {
    await cluster.remove()
    rmSync(folder, { recursive: true, force: true })
  })
  const store = (await cluster.database()).url.reveal()
  const ports = await freePorts(2)
  writeFileSync(join(folder, 'fleet.yaml'), fleetOf())
  const start = async (port: number): Promise<ControllerProcess> => {
    const words = ['--store', store, '--fleet', join(folder, 'fleet.yaml')]
    const controller = await startControllerProcess({ data: join(folder, String(port)), port, words })
    t.teardown(() => controller.child.kill('SIGKILL'))
    return controller
  }
  const leader = await start(ports[0]!)
  await leader.hear(leads)
  const other = await start(ports[1]!)
  const balancer = await startBalancer(t, { ports })
  const person = personAt(balancer.url, leader.token)
  await waitFor('fleet', async () => ((await person.get<{ generation: number }>('/v1/fleet')).generation > 0 ? true : undefined))

  const token = await person.joinToken('only-once')
  const tries = await Promise.allSettled([leader, other].map(({ url }) => enrol(url, token)))
  t.same(tries.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'], 'a join token is good for one of them')

  const fleet = await startSimulatedFleet({ size: 6, url: balancer.url, person, urls: [leader.url, other.url] })
  const stop = new AbortController()
  const sending = fleet.send(stop.signal)
  const pass = (batches: number) => {
    const until = fleet.acknowledged() + batches
    return waitFor('acknowledgements', async () => (fleet.acknowledged() >= until ? true : undefined))
  }
  await pass(200)
  for (const [port, bytes] of balancer.sent) t.ok(bytes > 10_000, `replica at ${port}: ${bytes} bytes`)
  const [startedMs, streams] = [performance.now(), fleet.agents.map(agent => agent.streams)]
  await leader.kill()
  await pass(100)
  await other.hear(leads)
  const tookMs = performance.now() - startedMs
  t.ok(tookMs < takenOverMs, `planned by the other after ${(tookMs / 1000).toFixed(1)} s`)
  const { generation } = await person.apply(fleetOf('20s'))
  await waitFor('rollout', async () => (fleet.agents.every(({ told }) => told.at(-1)?.generation === generation) ? true : undefined))
  stop.abort()
  await sending
  t.match(await fleet.count(person), { acknowledged: fleet.acknowledged(), missing: 0, doubled: 0 })
  for (const [index, agent] of fleet.agents.entries()) {
    t.same(agent.faults, [])
    t.equal(new Set(agent.told.map(({ revision }) => revision)).size, agent.told.length, `${agent.id} was told nothing twice`)
    t.ok(agent.streams >= streams[index]!)
  }
  t.comment(JSON.stringify({ takenOverMs: Math.round(tookMs), acknowledged: fleet.acknowledged() }))
  await fleet.close()
  t.match(await other.end(), { status: 0 })
})
