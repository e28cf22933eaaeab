import t from 'tap'
import { banAgent } from '../../../controller/enrol/caller.ts'
import { emptyFleet } from '../../../controller/fleet/objects.ts'
import { putDocument } from '../../../controller/store/documents.ts'
import { listStandings } from '../../../controller/store/standings.ts'
import type { AssignmentMessage } from '../../../wire/api/assignments.ts'
import { assignmentSchema } from '../../../wire/assignment.ts'
import { readBySchema } from '../../../wire/read.ts'
import { type Api, openApi } from './api.ts'
import { listen, readSse, type SseReader } from './sse-reader.ts'

const enrol = async (api: Api, agentId: string, region: string) => {
  const payload = {
    proof: { kind: 'join', token: await api.join(agentId, { cloud: 'aws', region }) },
    advertise: [{ scope: 'node', host: '192.0.2.7' }],
    details: { serves: ['echo'] },
  }
  return (await api.call(undefined, { method: 'POST', url: '/v1/enrol', payload })).json<{ credential: string }>().credential
}
/** The next assignment that is as it should be. */
const awaitAssignment = async (reader: SseReader, isWanted: (message: AssignmentMessage) => boolean): Promise<AssignmentMessage> => {
  for (;;) {
    const event = await reader.next()
    if (!event) throw new Error('the stream has ended')
    const message = JSON.parse(event.data) as AssignmentMessage
    if (event.event === 'assignment' && isWanted(message)) return message
  }
}
const targetsOf = ({ targets }: AssignmentMessage): string[] => targets.map(({ name }) => name)

t.test('two agents that enrol are told at once to probe each other, in one region and in two', async t => {
  for (const regions of [
    ['r1', 'r1'],
    ['r1', 'r2'],
  ] as const) {
    const api = await openApi(t)
    const url = `${await listen(api.app)}/v1/assignments`
    const credentials = [await enrol(api, 'vm-1', regions[0]), await enrol(api, 'vm-2', regions[1])]
    const readers = await Promise.all(credentials.map(credential => readSse(t, url, credential)))
    t.match(readers[0]!.headers.get('content-type'), 'text/event-stream')
    const told = await Promise.all(readers.map(reader => awaitAssignment(reader, ({ checks }) => checks.length > 0)))
    for (const [index, message] of told.entries()) {
      const other = `agent/vm-${2 - index}`
      t.same(
        message.checks.map(({ name, targets }) => [name, targets]),
        [
          ['default-icmp', [other]],
          ['default-mtu', [`${other}/host`]],
          ['default-tcp', [other]],
          ['default-udp', [other]],
        ],
      )
      const { revision, generation, ...assignment } = message
      t.equal(generation, 0)
      t.match(revision, /^[\w-]{22}$/)
      t.same(readBySchema(assignmentSchema, assignment).problems, [])
    }
  }
})

t.test('a stream that comes again with the revision that it has is told nothing; heartbeats go on; the newest stream wins', async t => {
  const api = await openApi(t, { streamHeartbeatMs: 20 })
  const url = `${await listen(api.app)}/v1/assignments`
  const credential = await enrol(api, 'vm-1', 'r1')
  const first = await readSse(t, url, credential)
  const event = await first.next()
  t.match(event, { event: 'assignment' })
  const second = await readSse(t, url, credential, { 'last-event-id': event!.id! })
  t.equal(await first.next(), undefined, 'the older one has ended')
  await enrol(api, 'vm-2', 'r1')
  const next = await second.next()
  t.not(next?.id, event!.id, 'nothing came before something had changed')
  await second.nextComment()
})

t.test('who says goodbye is nobody’s target any more, and is one again as soon as it listens', async t => {
  const api = await openApi(t)
  const url = `${await listen(api.app)}/v1/assignments`
  const credentials = [await enrol(api, 'vm-1', 'r1'), await enrol(api, 'vm-2', 'r1')]
  const first = await readSse(t, url, credentials[0]!)
  await awaitAssignment(first, message => targetsOf(message).includes('agent/vm-2'))
  const payload = { revision: 'none', generation: 0, outcome: 'leaving', problems: [] }
  t.equal((await api.call(credentials[1]!, { method: 'POST', url: '/v1/assignments/ack', payload })).statusCode, 204)
  await awaitAssignment(first, message => targetsOf(message).length === 0)
  const viewer = await api.person('viewer')
  const shown = async () => (await api.call(viewer, { method: 'GET', url: '/v1/agents/vm-2' })).json<{ state: string }>().state
  t.equal(await shown(), 'draining')
  await readSse(t, url, credentials[1]!)
  await awaitAssignment(first, message => targetsOf(message).includes('agent/vm-2'))
  t.equal(await shown(), 'live')
})

t.test('?poll answers once: 204 while nothing is planned, the assignment, and 304 while it is the same', async t => {
  const api = await openApi(t)
  const credential = await enrol(api, 'vm-1', 'r1')
  const poll = (headers = {}) => api.call(credential, { method: 'GET', url: '/v1/assignments?poll', headers })
  let answer = await poll()
  while (answer.statusCode === 204) answer = await poll()
  t.match(answer, { statusCode: 200, headers: { 'content-type': /json/, etag: /^"[\w-]{22}"$/ } })
  t.match(answer.json(), { generation: 0, targets: [], checks: [] })
  t.match(await poll({ 'if-none-match': answer.headers.etag }), { statusCode: 304, body: '' })
  t.equal((await poll({ 'if-none-match': '"other"' })).statusCode, 200)
  t.equal((await api.call(undefined, { method: 'GET', url: '/v1/assignments?poll' })).statusCode, 401)
  t.equal((await api.call(await api.person('admin'), { method: 'GET', url: '/v1/assignments' })).statusCode, 401)
})

const apply = (api: Api, name: string) => {
  const check = { name, kind: 'icmp' as const, every: '10s', perLink: 3, as: 'agent' as const }
  const target = { name: 'site', address: '192.0.2.9' }
  const document = { ...emptyFleet('ann'), targets: [target], checks: [check] }
  return api.parts.store.write(sql => putDocument(sql, { document, author: 'ann', nowMs: api.clock.ms }))
}
const acknowledge = (api: Api, credential: string, message: AssignmentMessage, outcome: string, problems: string[] = []) =>
  api.call(credential, {
    method: 'POST',
    url: '/v1/assignments/ack',
    payload: { revision: message.revision, generation: message.generation, outcome, problems, paths: 1 },
  })

t.test('a generation goes to a canary first, and to the rest once that runs it; a refusal brings everybody back', async t => {
  const api = await openApi(t)
  const url = `${await listen(api.app)}/v1/assignments`
  const agents = await Promise.all(
    ['vm-1', 'vm-2', 'vm-3'].map(async id => {
      const credential = await enrol(api, id, 'r1')
      return { credential, reader: await readSse(t, url, credential) }
    }),
  )
  await Promise.all(agents.map(({ reader }) => awaitAssignment(reader, message => message.targets.length >= 2)))
  await apply(api, 'first')
  const isFirst = ({ checks }: AssignmentMessage) => checks[0]?.name === 'first'
  const running = agents.map(async ({ credential, reader }) => {
    const message = await awaitAssignment(reader, isFirst)
    t.equal((await acknowledge(api, credential, message, 'running')).statusCode, 204)
    return targetsOf(message)
  })
  t.same(await Promise.all(running), [['site'], ['site'], ['site']], 'one after the other')
  const events = await readSse(
    t,
    url.replace('assignments', 'events?after=0&kind=generation_running&kind=generation_refused'),
    await api.person('viewer'),
  )
  t.match(JSON.parse((await events.next())!.data), { kind: 'generation_running', subject: '1' })
  await apply(api, 'second')
  const isSecond = ({ checks }: AssignmentMessage) => checks[0]?.name === 'second'
  const canary = await Promise.race(agents.map(async agent => ({ ...agent, message: await awaitAssignment(agent.reader, isSecond) })))
  await acknowledge(api, canary.credential, canary.message, 'refused', ['icmp is not allowed here'])
  const refused = JSON.parse((await events.next())!.data)
  t.match(refused, { kind: 'generation_refused', subject: '2', body: { backTo: 1, agents: [{ problems: ['icmp is not allowed here'] }] } })
  t.match(await awaitAssignment(canary.reader, isFirst), { generation: 1 })
})

t.test('who is banned or enrols anew loses its stream; cordoned agents have nothing to do', async t => {
  const api = await openApi(t)
  const url = `${await listen(api.app)}/v1/assignments`
  const banned = await readSse(t, url, await enrol(api, 'vm-1', 'r1'))
  const anew = await readSse(t, url, await enrol(api, 'vm-2', 'r1'))
  await awaitAssignment(anew, ({ targets }) => targets.length > 0)
  await api.parts.store.write(sql => banAgent(sql, 'vm-1', { author: 'ann', reason: 'stolen', atMs: 0 }))
  await t.rejects(
    awaitAssignment(banned, () => false),
    /ended/,
  )
  await awaitAssignment(anew, ({ targets }) => targets.length === 0)
  await enrol(api, 'vm-2', 'r1')
  await t.rejects(
    awaitAssignment(anew, () => false),
    /ended/,
  )
})

t.test('what an agent is sent, says, and that its stream has ended is written down', async t => {
  const api = await openApi(t)
  const url = `${await listen(api.app)}/v1/assignments`
  const credential = await enrol(api, 'vm-1', 'r1')
  const reader = await readSse(t, url, credential)
  const message = await awaitAssignment(reader, () => true)
  await acknowledge(api, credential, message, 'running')
  reader.close()
  for (;;) {
    const [standing] = await api.parts.store.read(listStandings)
    if (standing?.goneMs === undefined || !standing.sent || !standing.told) continue
    t.match(standing, { sent: { revision: message.revision, count: 1 }, told: { outcome: 'running', paths: 1 } })
    break
  }
  t.equal((await api.call(credential, { method: 'POST', url: '/v1/assignments/ack', payload: { revision: 'x' } })).statusCode, 400)
})

t.test('a controller that ends sends its agents away, each to come back at another time', async t => {
  const ending = new AbortController()
  const api = await openApi(t, { ending: ending.signal })
  const url = `${await listen(api.app)}/v1/assignments`
  const credentials = await Promise.all(Array.from({ length: 8 }, (_, i) => enrol(api, `vm-${i}`, 'r1')))
  const readers = await Promise.all(credentials.map(credential => readSse(t, url, credential)))
  await Promise.all(readers.map(reader => awaitAssignment(reader, () => true)))
  ending.abort()
  const drains = await Promise.all(
    readers.map(async reader => {
      for (;;) {
        const event = await reader.next()
        if (event?.event === 'drain') return JSON.parse(event.data).afterMs as number
        if (!event) throw new Error('ended without a word')
      }
    }),
  )
  t.ok(new Set(drains).size > 4, `${drains}`)
  for (const afterMs of drains) t.ok(afterMs >= 0 && afterMs <= 2000)
  t.equal(await readers[0]!.next(), undefined)
  t.match(await api.call(credentials[0], { method: 'GET', url: '/v1/assignments' }), { statusCode: 503, headers: { 'retry-after': /\d/ } })
})
