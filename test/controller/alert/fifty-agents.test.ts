/** Fifty agents in three clouds: what hits many of them at once is one incident at one place. */
import t, { type Test } from 'tap'
import { openGather } from '../../../controller/alert/gather.ts'
import type { Incident } from '../../../controller/alert/incident.ts'
import { startAlertTerm } from '../../../controller/alert/term.ts'
import { openFleet } from '../../../controller/fleet/current.ts'
import { parseFleet } from '../../../controller/fleet/parse.ts'
import type { Cell } from '../../../controller/history/aggregate.ts'
import { putAgent, touchAgent } from '../../../controller/store/agents.ts'
import { putAssigned } from '../../../controller/store/assigned.ts'
import { putDocument } from '../../../controller/store/documents.ts'
import { addEvent, readEvents } from '../../../controller/store/events.ts'
import { getIncident } from '../../../controller/store/incidents.ts'
import type { Sql } from '../../../controller/store/sql.ts'
import { type Agent, minutesOf, openStore, type Path, type Play, regionOf, startMs, tickMs } from './script.ts'

const places = [
  ...['aws/us-east-1', 'aws/us-west-2', 'aws/eu-west-1', 'azure/eastus'],
  ...['azure/westus', 'azure/westeurope', 'gcp/us-central1', 'gcp/us-east4', 'gcp/europe-west1', 'gcp/asia-east1'],
]
const fleet: Agent[] = places.flatMap(place => {
  const [cloud = '', region = ''] = place.split('/')
  return [1, 2, 3, 4, 5].map(k => ({ id: `${cloud}-${region}-${k}`, cloud, region }))
})
const paths: Path[] = fleet.flatMap(from =>
  fleet.flatMap(to => (from === to ? [] : (['icmp', 'tcp'] as const).map(check => ({ from, to, check, target: `agent/${to.id}` })))),
)
const isBetween = ({ from, to }: Path, a: string, b: string): boolean =>
  (from.cloud === a && to.cloud === b) || (from.cloud === b && to.cloud === a)

/** The transit of aws and gcp. */
const hubbed = places.flatMap(from =>
  places.flatMap(to => {
    const clouds = new Set([from, to].map(place => place.split('/')[0]))
    return clouds.has('aws') && clouds.has('gcp') ? [`  - { from: ${from}, to: ${to}, via: transit-1 }`] : []
  }),
)
const document = `apiVersion: causeway/v1
owner: platform
checks: [{ name: icmp, kind: icmp, every: 10s }, { name: tcp, kind: tcp, every: 10s }]
mesh: [{ name: all, checks: [icmp, tcp], policy: full }]
links:
${hubbed.join('\n')}
`

const settle = async (sql: Sql): Promise<void> => {
  const parsed = parseFleet(document)
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
  for (const { id, cloud, region } of fleet) {
    const proof = { kind: 'join' as const, issuer: 'c', subject: id }
    await putAgent(sql, { id, location: { cloud, region }, labels: {}, advertise: [], details: {}, proof }, startMs)
    const own = paths.filter(({ from }) => from.id === id)
    const assigned = Array.from(
      Map.groupBy(own, ({ check }) => check),
      ([check, its]) => ({ check, targets: its.map(({ target }) => target) }),
    )
    await putAssigned(sql, { agentId: id, paths: assigned, atMs: startMs })
  }
  await putDocument(sql, { document: parsed.value, author: 'test', nowMs: startMs })
}

type Scene = {
  play: Play
  isSilent?: (agent: Agent, tick: number) => boolean
  events?: (sql: Sql, tick: number) => Promise<void>
  ticks: number
}

/** All that people are told, in order. */
const told = async (t: Test, { play, isSilent = () => false, events, ticks }: Scene): Promise<{ kind: string; incident: Incident }[]> => {
  const store = await openStore(t)
  await store.write(settle)
  const clock = { tick: 0 }
  const nowMs = (): number => startMs + clock.tick * tickMs
  const term = await startAlertTerm({
    store,
    nowMs,
    write: work => store.write(work),
    gather: openGather(store, await openFleet(store)),
    recent: {
      async read(_nowMs, take) {
        for (const minute of minutesOf(
          play,
          clock.tick,
          paths.filter(({ from }) => !isSilent(from, clock.tick)),
        ))
          take(minute, false)
      },
    },
  })
  for (clock.tick = 1; clock.tick <= ticks; clock.tick++) {
    await store.write(async sql => {
      for (const agent of fleet) if (!isSilent(agent, clock.tick)) await touchAgent(sql, agent.id, nowMs())
      await events?.(sql, clock.tick)
    })
    await term.turn()
  }
  const all = await store.read(sql => readEvents(sql, 0, 10_000))
  return Promise.all(
    all
      .filter(({ kind }) => kind.startsWith('incident_'))
      .map(async ({ kind, subject }) => ({ kind, incident: (await store.read(sql => getIncident<Incident>(sql, subject)))!.body })),
  )
}

const silence = (check: Path['check']) => (check === 'icmp' ? { fail: 1, reason: 'no_reply' } : { fail: 1, reason: 'tcp_timeout' })

/** Echoes failed a second before TCP did: what an agent thought then, and told of a path that has failed ever since. */
const thinksFiltered = (sql: Sql, { from, to, check, target }: Path): Promise<void> =>
  addEvent(sql, {
    kind: 'path_changed',
    subject: from.id,
    body: {
      attributes: {
        ...{ 'causeway.check': check, 'causeway.kind': check, 'causeway.target': target, 'server.address': to.id },
        ...{ 'causeway.outcome': 'fail', 'causeway.cause': 'icmp_filtered', 'causeway.cause.confidence': 'likely' },
      },
    },
  })

t.test('a region that loses all egress, the way to the controller too: one page for it, and none for what it explains', async t => {
  const lost = 'gcp/us-central1'
  const isHit = ({ from, to }: Path): boolean => (regionOf(from) === lost) !== (regionOf(to) === lost)
  const found = await told(t, {
    play: (path, tick) => (tick >= 5 && isHit(path) ? silence(path.check) : { ok: 1 }),
    isSilent: (agent, tick) => tick >= 5 && regionOf(agent) === lost,
    events: async (sql, tick) => {
      if (tick === 6) for (const path of paths) if (path.check === 'icmp' && isHit(path)) await thinksFiltered(sql, path)
    },
    ticks: 35,
  })
  t.equal(new Set(found.map(({ incident }) => incident.id)).size, 1, found.map(({ incident }) => incident.title).join('; '))
  t.equal(found.filter(({ kind }) => kind === 'incident_opened').length, 1)
  const { incident } = found[0]!
  t.match(incident, { severity: 'page', state: 'open', layer: 'reach', placeText: /^region gcp\/us-central1/ })
  t.not(incident.cause, 'icmp_filtered', 'TCP is silent too')
  t.match(incident.next, /^probe check --from \S+\/\S+ --to gcp\/us-central1$/)
  t.match(incident.impact, /agents$/)
})

const sum = (key: string, value: number, ...variant: string[]): Cell => ({ column: { key, form: 'sum', variant }, value })
/** Enough echoes that the loss of the link is judged too. */
const allLost = ({ check }: Path): Cell[] => (check === 'icmp' ? [sum('icmpPackets', 20, 'sent'), sum('icmpPackets', 0, 'received')] : [])

t.test('links through one hub that fail together are one incident at the hub', async t => {
  const found = await told(t, {
    play: (path, tick) => (tick >= 5 && isBetween(path, 'aws', 'gcp') ? { ...silence(path.check), cells: allLost(path) } : { ok: 1 }),
    ticks: 40,
  })
  t.strictSame(
    found.map(({ kind, incident: { placeText, severity } }) => ({ kind, placeText, severity })),
    [{ kind: 'incident_opened', placeText: 'hub transit-1', severity: 'page' }],
  )
  t.equal(found[0]!.incident.title, 'hub transit-1: nothing comes through')
  t.match(found[0]!.incident.next, /^probe check --from (aws|gcp)\/\S+ --to (aws|gcp)\/\S+$/)
})

t.test('a prober without CPU blames itself, and neither what it measures nor what is measured of it is a fault of the network', async t => {
  const starved = 'azure-eastus-1'
  const resent = [sum('tcpSegments', 300, 'forward'), sum('tcpRetransmits', 30, 'forward')]
  const found = await told(t, {
    play: ({ from, to, check }, tick) => {
      if (tick < 5 || (from.id !== starved && to.id !== starved)) return { ok: 1 }
      if (from.id === starved) return { unmeasured: 3, ok: 1, reason: 'local_overload', cells: check === 'tcp' ? resent : [] }
      return { ok: 1, cells: check === 'tcp' ? resent : [] }
    },
    ticks: 40,
  })
  t.strictSame(
    found.map(({ incident }) => incident.title),
    [],
  )
})
