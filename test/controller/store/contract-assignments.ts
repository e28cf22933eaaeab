import type { Test } from 'tap'
import { emptyFleet } from '../../../controller/fleet/objects.ts'
import {
  agentsVersion,
  describeAgent,
  getAgent,
  leaveAgent,
  listPlannable,
  listSeen,
  markAgent,
  putAgent,
  retireAgents,
  returnAgent,
  touchAgent,
} from '../../../controller/store/agents.ts'
import {
  changedAssignments,
  dropAssignment,
  getAssignment,
  listAssignments,
  nextChange,
  putAssignment,
  renumberAssignment,
} from '../../../controller/store/assignments.ts'
import { putDocument, soundDocuments } from '../../../controller/store/documents.ts'
import { addRun, dropRuns, getRun, lockPart, markPartSent, openParts, putPartResults } from '../../../controller/store/runs.ts'
import { listStandings, putGone, putSent, putTold } from '../../../controller/store/standings.ts'
import type { Store } from '../../../controller/store/store.ts'
import { type Subject, withStore } from './contract.ts'

const putOne = (store: Store, id: string, nowMs = 1000) =>
  store.write(sql =>
    putAgent(
      sql,
      {
        id,
        location: { cloud: 'aws', region: 'r' },
        labels: {},
        advertise: [],
        details: {},
        proof: { kind: 'join', issuer: 'controller', subject: id },
      },
      nowMs,
    ),
  )

export const assignmentsContract = async (t: Test, subject: Subject): Promise<void> => {
  await withStore(t, subject, 'what agents are planned by has another version after each change of it, and no other', async (t, store) => {
    const versions = new Set<string>()
    const isNew = async () => {
      const version = await store.read(agentsVersion)
      const known = versions.has(version)
      versions.add(version)
      return !known
    }
    t.ok(await isNew())
    await putOne(store, 'a')
    t.ok(await isNew(), 'came')
    await putOne(store, 'a')
    t.ok(await isNew(), 'came again')
    const describe = (labels: Record<string, string>) => store.write(sql => describeAgent(sql, 'a', { labels, advertise: [], details: {} }))
    await describe({ rack: '7' })
    t.ok(await isNew(), 'says something else')
    await describe({ rack: '7' })
    t.notOk(await isNew(), 'says the same')
    await store.write(sql => markAgent(sql, 'a', 'cordoned', { author: 'ann', reason: 'x', atMs: 1 }))
    t.ok(await isNew(), 'cordoned')
    await store.write(sql => leaveAgent(sql, 'a'))
    t.ok(await isNew(), 'draining')
    await store.write(sql => touchAgent(sql, 'a', 2000))
    t.notOk(await isNew(), 'seen')
    t.match(await store.read(sql => getAgent(sql, 'a')), { status: 'draining' }, 'what arrives after the goodbye takes nothing of it back')
    await store.write(sql => returnAgent(sql, 'a'))
    t.ok(await isNew(), 'back')
    await store.write(sql => returnAgent(sql, 'a'))
    t.notOk(await isNew(), 'it was')
  })

  await withStore(t, subject, 'who is not seen retires, comes back when it is seen, and who is banned takes no part', async (t, store) => {
    for (const id of ['c', 'a', 'b']) await putOne(store, id, id === 'c' ? 5000 : 1000)
    t.strictSame(await store.write(sql => retireAgents(sql, 2000)), ['a', 'b'])
    t.strictSame(await store.write(sql => retireAgents(sql, 2000)), [])
    await store.write(sql => touchAgent(sql, 'a', 6000))
    t.match(await store.read(sql => getAgent(sql, 'a')), { status: 'live', lastSeenMs: 6000 })
    t.strictSame(
      (await store.read(listPlannable)).map(({ id, isCordoned, location }) => [id, isCordoned, location]),
      [
        ['a', false, '{"cloud":"aws","region":"r"}'],
        ['c', false, '{"cloud":"aws","region":"r"}'],
      ],
    )
    const mark = { author: 'ann', reason: 'x', atMs: 1 }
    await store.write(sql => markAgent(sql, 'a', 'banned', mark))
    await store.write(sql => markAgent(sql, 'c', 'cordoned', mark))
    t.match(await store.read(listPlannable), [{ id: 'c', isCordoned: true }])
    t.strictSame(await store.read(listSeen), [
      { id: 'a', status: 'live', lastSeenMs: 6000, isBanned: true },
      { id: 'b', status: 'retired', lastSeenMs: 1000, isBanned: false },
      { id: 'c', status: 'live', lastSeenMs: 5000, isBanned: false },
    ])
  })

  await withStore(t, subject, 'of each owner the newest document that was not refused counts', async (t, store) => {
    for (const owner of ['a', 'b', 'a', 'a', 'b'])
      await store.write(sql => putDocument(sql, { document: emptyFleet(owner), author: 'ann', nowMs: 1 }))
    const shown = async (asOf: number, refused: number[]) =>
      (await store.read(sql => soundDocuments(sql, asOf, refused))).map(({ owner, generation }) => `${owner}${generation}`)
    t.strictSame(await shown(5, []), ['a4', 'b5'])
    t.strictSame(await shown(5, [4]), ['a3', 'b5'])
    t.strictSame(await shown(4, [3, 4]), ['a1', 'b2'])
    t.strictSame(await shown(5, [2, 5]), ['a4'])
  })

  await withStore(t, subject, 'assignments: one per agent, and what was written after a change', async (t, store) => {
    const put = (agentId: string, revision: string, generation = 1) =>
      store.write(async sql =>
        putAssignment(sql, { agentId, revision, generation, body: `{"of":"${revision}"}`, atMs: 7 }, await nextChange(sql)),
      )
    await put('b', 'r1')
    await put('a', 'r2')
    const { upTo, agentIds } = await store.read(sql => changedAssignments(sql, 0))
    t.strictSame(agentIds, ['b', 'a'])
    t.strictSame(await store.read(sql => changedAssignments(sql, upTo)), { agentIds: [], upTo })
    await put('b', 'r3', 2)
    t.match(await store.read(sql => changedAssignments(sql, upTo)), { agentIds: ['b'] })
    await store.write(sql => renumberAssignment(sql, { agentId: 'a', revision: 'r2', generation: 2 }))
    t.strictSame(await store.read(sql => getAssignment(sql, 'a')), {
      agentId: 'a',
      revision: 'r2',
      generation: 2,
      body: '{"of":"r2"}',
      atMs: 7,
    })
    await store.write(sql => dropAssignment(sql, 'a'))
    t.strictSame(await store.read(listAssignments), [{ agentId: 'b', revision: 'r3', generation: 2 }])
    t.equal(await store.read(sql => getAssignment(sql, 'a')), undefined)
  })

  await withStore(t, subject, 'standings: what was sent how often, what was said, and who is gone', async (t, store) => {
    await store.write(sql => putSent(sql, 'a', 'r1', 1))
    await store.write(sql => putSent(sql, 'a', 'r1', 2))
    await store.write(sql => putGone(sql, 'a', 3))
    const told = { revision: 'r1', generation: 4, outcome: 'refused' as const, problems: ['no'], atMs: 5 }
    await store.write(sql => putTold(sql, 'a', told))
    await store.write(sql => putGone(sql, 'b', undefined))
    t.strictSame(await store.read(listStandings), [
      { agentId: 'a', sent: { revision: 'r1', atMs: 2, count: 2 }, goneMs: 3, told },
      { agentId: 'b' },
    ])
    await store.write(sql => putSent(sql, 'a', 'r2', 6))
    await store.write(sql => putGone(sql, 'a', undefined))
    await store.write(sql => putTold(sql, 'a', { ...told, outcome: 'running', problems: [], paths: 9 }))
    t.strictSame((await store.read(listStandings))[0], {
      agentId: 'a',
      sent: { revision: 'r2', atMs: 6, count: 1 },
      told: { ...told, outcome: 'running', problems: [], paths: 9 },
    })
  })

  await withStore(t, subject, 'a run has parts, which are sent, answered and forgotten', async (t, store) => {
    const run = { id: 'run', asked: { from: 'aws/r' }, author: 'ann', createdMs: 1, expiresMs: 100 }
    const part = (id: string) => ({
      id,
      runId: 'run',
      agentId: `agent-${id}`,
      direction: 'forward' as const,
      message: '{}',
      expiresMs: 100,
    })
    await store.write(sql => addRun(sql, run, [part('p1'), part('p2')]))
    const open = async (nowMs: number) => (await store.read(sql => openParts(sql, nowMs))).map(({ id }) => id)
    t.strictSame([await open(99), await open(100)], [['p1', 'p2'], []])
    await store.write(sql => markPartSent(sql, 'p1', 5))
    await store.write(sql => markPartSent(sql, 'p1', 6))
    await store.write(async sql =>
      putPartResults(sql, { ...(await lockPart(sql, 'p1'))!, results: [{ kind: 'tcp' }], problems: ['x'], doneMs: 9 }),
    )
    t.strictSame(await open(99), ['p2'])
    const done = { ...part('p1'), sentMs: 5, doneMs: 9, results: [{ kind: 'tcp' }], problems: ['x'] }
    t.strictSame(await store.read(sql => getRun(sql, 'run')), { run, parts: [done, { ...part('p2'), results: [], problems: [] }] })
    t.equal(await store.write(sql => lockPart(sql, 'p3')), undefined)
    t.equal(await store.write(sql => dropRuns(sql, 101)), 1)
    t.equal(await store.read(sql => getRun(sql, 'run')), undefined)
  })
}
