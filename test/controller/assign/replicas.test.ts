import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { startAssigning } from '../../../controller/assign/assigning.ts'
import { openPlanner } from '../../../controller/assign/planner.ts'
import type { AssignedPath } from '../../../controller/assign/write-plan.ts'
import { openFleet } from '../../../controller/fleet/current.ts'
import { openCounters } from '../../../controller/metrics.ts'
import { leaveAgent, putAgent, touchAgent } from '../../../controller/store/agents.ts'
import { getAssignment, listAssignments } from '../../../controller/store/assignments.ts'
import { readEvents } from '../../../controller/store/events.ts'
import { openPostgres } from '../../../controller/store/postgres.ts'
import type { Store } from '../../../controller/store/store.ts'
import { needsPostgres, startCluster } from '../store/postgres-cluster.ts'
import { timing } from '../web/api.ts'

const hour = 3_600_000
const put = (store: Store, id: string, nowMs: number) =>
  store.write(sql =>
    putAgent(
      sql,
      {
        id,
        location: { cloud: 'aws', region: 'r' },
        labels: {},
        advertise: [{ scope: 'node', host: `${id}.example` }],
        details: {},
        proof: { kind: 'join', issuer: 'controller', subject: id },
      },
      nowMs,
    ),
  )
const until = async <T>(ask: () => Promise<T | undefined | false>): Promise<T> => {
  for (;;) {
    const answer = await ask()
    if (answer) return answer
    await turn()
  }
}

t.test(
  'two replicas: one plans, and the next one finds nothing to change; who vanishes retires after an hour',
  { skip: needsPostgres },
  async t => {
    const cluster = await startCluster()
    t.teardown(() => cluster.remove())
    const { url } = await cluster.database()
    const stores = [await openPostgres({ url, connections: 4 }), await openPostgres({ url, connections: 4 })]
    const clock = { ms: 100 * hour }
    const ending = new AbortController()
    const { pino } = await import('pino')
    const log = pino({ level: 'silent' })
    const assigned = new Map<string, readonly AssignedPath[]>()
    const start = async (store: Store, holder: string) =>
      await startAssigning({
        store,
        fleet: await openFleet(store),
        nowMs: () => clock.ms,
        holder,
        log,
        counters: openCounters(),
        signal: ending.signal,
        timing: { ...timing, pollMs: 100, threadAbove: 0 },
        onAssigned: (agentId, paths) => void assigned.set(agentId, paths),
      })
    for (let i = 0; i < 12; i++) await put(stores[0]!, `vm-${i}`, clock.ms)
    const replicas = [await start(stores[0]!, 'one'), await start(stores[1]!, 'two')]
    const store = stores[0]!
    const before = await until(async () => {
      const heads = await store.read(listAssignments)
      return heads.length === 12 && heads
    })
    const rows = () => store.read(async sql => Promise.all(before.map(({ agentId }) => getAssignment(sql, agentId))))
    const planned = await rows()
    t.same([...assigned.keys()].length, 12)
    t.match(assigned.get('vm-1'), [{ check: 'default-icmp', target: /^agent\/vm-/ }])
    const leader = replicas.findIndex(replica => replica.isLeader())
    await replicas[leader]!.close()
    const other = replicas[1 - leader]!
    await until(async () => other.isLeader())
    await put(store, 'vm-x', clock.ms)
    await until(async () => (await store.read(listAssignments)).length === 13)
    const after = await rows()
    const same = after.filter((row, index) => row?.revision === planned[index]?.revision)
    t.ok(same.length > 0 && same.length < 12, `${same.length} of 12 are as they were`)
    for (const [index, row] of after.entries())
      if (row?.revision === planned[index]?.revision) t.same(row, planned[index], 'not even written')
    await store.write(async sql => {
      for (const { agentId } of before) await touchAgent(sql, agentId, clock.ms + hour)
    })
    clock.ms += hour
    await until(async () => (await store.read(listAssignments)).length === 12)
    t.same(assigned.get('vm-x'), [], 'its paths have ended')
    const events = await store.read(sql => readEvents(sql, 0, 1000))
    t.match(
      events.filter(({ kind }) => kind === 'agents_retired'),
      [{ subject: 'vm-x', body: { count: 1 } }],
    )
    await store.write(sql => leaveAgent(sql, 'vm-0'))
    await until(async () => (await store.read(sql => getAssignment(sql, 'vm-0')))?.body === '{"targets":[],"checks":[]}')
    await other.close()
    await Promise.all(stores.map(one => one.close()))
  },
)

t.test('a planning thread that fails is an error of that question alone', async t => {
  const planner = openPlanner(0)
  t.teardown(() => planner.close())
  const agent = {
    id: 'a',
    location: '{"cloud":"aws","region":"r"}',
    labels: '{}',
    advertise: '[]',
    details: '{}',
    status: 'live' as const,
    isCordoned: false,
  }
  const question = { candidates: [{ generation: 0, documents: [] }], agents: [agent], nowMs: 0 }
  const [planned] = await planner.plan(question)
  t.same([...planned!.revisions.keys()], ['a'])
  t.same(await planner.bodies(0, ['a']), ['{"targets":[],"checks":[]}'])
  await t.rejects(planner.plan({ ...question, agents: [{ ...agent, location: '{' }] }), { name: 'SyntaxError' })
  t.equal((await planner.plan(question)).length, 1)
})
