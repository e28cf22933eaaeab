/** What a fault brings about beside itself, and what its repair looks like: neither is another incident, nor another cause. */
import t, { type Test } from 'tap'
import { type Finding, type Incident, nothingFound } from '../../../controller/alert/incident.ts'
import { findingOfAgents } from '../../../controller/alert/other-findings.ts'
import { compileRules } from '../../../controller/alert/rules.ts'
import { stepIncidents } from '../../../controller/alert/step-incidents.ts'
import { readEvents } from '../../../controller/store/events.ts'
import { openStage, openStore, type Play, regionOf, settle, touchAll } from './script.ts'

const fleetWith = (rest: string): string => `apiVersion: causeway/v1
owner: platform
checks: [{ name: icmp, kind: icmp, every: 10s }, { name: tcp, kind: tcp, every: 10s }, { name: mtu, kind: mtu, every: 10s }]
mesh: [{ name: all, checks: [icmp, tcp, mtu], policy: full }]
${rest}
`
const objective = 'links: [{ from: aws/us-east-1, to: azure/eastus, medium: vpn, reach: pod, objective: { availability: 99.9 } }]'

const titles = async (t: Test, text: string, play: Play, ticks: number): Promise<string[]> => (await played(t, text, play, ticks)).opened

type Played = { opened: string[] /** By tick. */; resolved: number[] }
const played = async (t: Test, text: string, play: Play, ticks: number): Promise<Played> => {
  const resolved: number[] = []
  const store = await openStore(t)
  await settle(store, text)
  const stage = await openStage(store)
  stage.play.is = play
  const term = await stage.begin()
  for (stage.clock.tick = 1; stage.clock.tick <= ticks; stage.clock.tick++) {
    await touchAll(store, stage)
    const { words } = await term.turn()
    resolved.push(...words.filter(({ event }) => event === 'resolved').map(() => stage.clock.tick))
  }
  const events = await store.read(sql => readEvents(sql, 0, 1000))
  return { opened: events.filter(({ kind }) => kind === 'incident_opened').map(({ body }) => String(body['title'])), resolved }
}

t.test('a target that fails for two minutes is one incident, and no burning budget during it or after', async t => {
  const play: Play = ({ check, to }, tick) =>
    check === 'tcp' && to.id === 'eastus-1' && tick >= 10 && tick < 22 ? { fail: 1, reason: 'id_mismatch' } : { ok: 1 }
  const found = await titles(t, fleetWith(objective), play, 70)
  t.equal(found.length, 1, found.join('; '))
  t.notMatch(found[0], /budget/)
})

t.test('what fails a little on the link of an incident burns no budget after it', async t => {
  const isThere = ({ from, to }: Parameters<Play>[0]): boolean => regionOf(from) === 'aws/us-east-1' && regionOf(to) === 'azure/eastus'
  const play: Play = (path, tick) => {
    if (!isThere(path) || tick < 10 || tick >= 22) return { ok: 3 }
    if (path.check === 'tcp') return { fail: 3, reason: 'tcp_timeout' }
    return path.check === 'icmp' && tick % 5 === 1 ? { fail: 3, reason: 'no_reply' } : { ok: 3 }
  }
  const { opened, resolved } = await played(t, fleetWith(objective), play, 70)
  t.equal(opened.length, 1, opened.join('; '))
  t.notMatch(opened[0], /budget/)
  t.ok(resolved.length === 1 && resolved[0]! < 22 + 18, `it ends some two minutes after it is well, and no budget keeps it: ${resolved}`)
})

t.test('a link of which each path loses a run now and then burns its budget', async t => {
  const play: Play = ({ from, to }, tick) =>
    regionOf(from) === 'aws/us-east-1' && regionOf(to) === 'azure/eastus' && tick >= 10 && tick % 4 === 0
      ? { ok: 2, fail: 1, reason: 'no_reply' }
      : { ok: 3 }
  const found = await titles(t, fleetWith(objective), play, 60)
  t.equal(found.length, 1, found.join('; '))
  t.match(found[0], /^aws\/us-east-1 → azure\/eastus: the error budget goes [\d.]+ times too fast$/)
})

t.test('what fails beside runs that blame their own agent burns no budget', async t => {
  const play: Play = (_path, tick) => (tick >= 10 && tick % 4 === 0 ? { fail: 1, ok: 2, unmeasured: 3, reason: 'no_reply' } : { ok: 3 })
  t.same(await titles(t, fleetWith(objective), play, 60), [])
})

const finding = (subjects: string[], cause: Finding['cause'], text: string): Finding => ({
  ...nothingFound,
  key: 'k',
  placeText: text,
  layer: 'path',
  severity: 'page',
  rules: [],
  cause,
  what: cause ?? 'x',
  title: `${text}: ${cause}`,
  sinceMs: 0,
  isFiring: true,
  subjects,
  impact: '',
  evidence: [text],
  next: '',
  runbook: '',
})
const play = (all: Finding[][]): Incident => {
  let incidents: Incident[] = []
  for (const [at, findings] of all.entries())
    incidents = stepIncidents(incidents, findings, { nowMs: at * 40_000, stateOf: () => 'bad', isSilenced: () => false }).incidents
  return incidents[0]!
}

t.test('the cause of an incident is not replaced by what the last of its paths say of the repair', async t => {
  const [all, few] = [
    ['a', 'b', 'c', 'd'],
    ['c', 'd'],
  ]
  const hole = finding(all, 'path_mtu_black_hole', 'azure → aws')
  const loss = finding(few, 'packet_loss', 'azure ↔ aws')
  t.match(play([[hole], [hole], [loss], [loss], [finding(['d'], 'packet_loss', 'd')]]), {
    cause: 'path_mtu_black_hole',
    placeText: 'azure → aws',
    title: 'azure → aws: path_mtu_black_hole',
    evidence: ['azure → aws'],
    subjects: ['d'],
  })
})

t.test('a cause that is known better is told, by as many as told the first or before the first word', async t => {
  const all = ['a', 'b', 'c', 'd']
  const [loss, hole] = [finding(all.slice(2), 'packet_loss', 'x'), finding(all, 'path_mtu_black_hole', 'y')]
  t.match(play([[loss], [loss], [hole]]), { cause: 'path_mtu_black_hole', placeText: 'y' })
  t.match(play([[hole], [loss]]), { cause: 'packet_loss' }, 'it was forming still')
})

t.test('what forms beside an open incident and turns out to be all of it becomes part of it', async t => {
  const all = ['a', 'b', 'c', 'd']
  const late = { ...finding(all, null, 'x'), key: 'certificate:x' }
  const over = (subjects: string[]) => ({ ...finding(subjects, null, 'x'), key: 'identity:x' })
  const rest = { ...late, subjects: ['b', 'c', 'd'] }
  let incidents: Incident[] = []
  const words: string[] = []
  for (const [at, findings] of [[late], [late], [rest, over(['a'])], [over(all)], [over(all)]].entries()) {
    const stepped = stepIncidents(incidents, findings, { nowMs: at * 40_000, stateOf: () => 'bad', isSilenced: () => false })
    incidents = stepped.incidents
    words.push(...stepped.words.map(({ event, incident }) => `${event} ${incident.key}`))
  }
  t.strictSame(words, ['firing certificate:x'])
  t.equal(incidents.length, 1)
})

t.test('another cause has to be told by as many as told the first, however many paths are bad', async t => {
  const down = { ...finding(['a', 'b', 'c', 'd'], 'host_down', 'x'), toldBy: 4 }
  const filtered = { ...finding(['a', 'b', 'c', 'd'], 'icmp_filtered', 'x'), toldBy: 2 }
  t.match(play([[down], [down], [filtered]]), { cause: 'host_down', title: 'x: host_down' })
})

t.test(
  'the same cause at another place has to be told by as many too, or last five minutes; what is over is as wide as it ever was',
  async t => {
    const all = ['a', 'b', 'c', 'd']
    const hole = { ...finding(all, 'path_mtu_black_hole', 'x → y'), toldBy: 4, impact: '4 of 9 paths' }
    const left = { ...finding(['d'], 'path_mtu_black_hole', 'x ↔ y'), toldBy: 1, impact: '1 of 9 paths', isPartlyWell: true }
    const wide = { ...finding(all, 'path_mtu_black_hole', 'x ↔ y'), toldBy: 4 }
    const times = <T>(count: number, one: T): T[] => Array<T>(count).fill(one)
    t.match(play([[hole], [hole], [left], [left]]), { placeText: 'x → y', title: 'x → y: path_mtu_black_hole', impact: '1 of 9 paths' })
    t.match(play([[hole], [hole], [wide]]), { placeText: 'x ↔ y' })
    const more = { ...finding([...all, 'e'], 'path_mtu_black_hole', 'x ↔ y'), toldBy: 1 }
    t.match(play([[hole], [hole], [more]]), { placeText: 'x ↔ y' }, 'it spreads, whoever tells it')
    t.match(play([[hole], [hole], [{ ...more, subjects: all, isPartlyWell: true }]]), { placeText: 'x → y' })
    t.match(play([[hole], [hole], [left], [{ ...left, isPartlyWell: false }]]), { placeText: 'x → y' })
    t.match(play([[hole], [hole], ...times(8, [left])]), { placeText: 'x → y' })
    t.match(play([[hole], [hole], ...times(9, [left])]), { placeText: 'x ↔ y' })
    t.match(play([[hole], [hole], ...times(7, [left]), [hole], ...times(8, [left])]), { placeText: 'x → y' }, 'in between it was as before')
    const [open] = [play([[hole], [hole], [left]])]
    const { changed } = stepIncidents([open], [], { nowMs: 400_000, stateOf: () => 'well', isSilenced: () => false })
    t.match(changed, [{ state: 'ended', impact: '4 of 9 paths' }])
  },
)

t.test('who has come through and meets another fault is in another incident, and the first one ends without it', async t => {
  const hole = { ...finding(['a', 'b', 'c', 'd'], 'path_mtu_black_hole', 'x → y'), toldBy: 4 }
  const served = {
    ...finding(['c', 'd'], 'wrong_identity_served', 'target ledger'),
    layer: 'identity' as const,
    key: 'identity:ledger',
    toldBy: 2,
  }
  let incidents: Incident[] = []
  const words: string[] = []
  for (const [at, findings] of [[hole], [hole], [served], [served]].entries()) {
    const stateOf = (subject: string) => (findings.some(({ subjects }) => subjects.includes(subject)) ? 'bad' : 'well')
    const stepped = stepIncidents(incidents, findings, { nowMs: at * 40_000, stateOf, isSilenced: () => false })
    incidents = stepped.incidents
    words.push(...stepped.words.map(({ event, incident }) => `${event} ${incident.title}`))
  }
  t.strictSame(words, [
    'firing x → y: path_mtu_black_hole',
    'resolved x → y: path_mtu_black_hole',
    'firing target ledger: wrong_identity_served',
  ])
  const silent = { ...served, cause: 'peer_rejects_our_identity' as const }
  t.match(play([[hole], [hole], [silent]]), { cause: 'path_mtu_black_hole' }, 'a handshake that hangs may look so')
})

t.test('what is well again and only waits for its end says nothing new', async t => {
  const down = finding(['a', 'b'], null, 'x ↔ y')
  const healing = { ...finding(['a', 'b'], null, 'x → y'), title: 'x → y: 0 % of packets are lost', isHealing: true }
  t.match(play([[down], [down], [healing], [healing]]), { title: 'x ↔ y: null', placeText: 'x ↔ y', isHealing: true })
  t.match(play([[down], [{ ...healing, isHealing: false }]]), { placeText: 'x → y' })
  const left = (path: string) => ({ ...finding([path], null, path), key: `rest:${path}`, isHealing: true })
  let incidents: Incident[] = []
  for (const [at, findings] of [[down], [down], [left('a'), left('b')], [left('a'), left('b')]].entries())
    incidents = stepIncidents(incidents, findings, { nowMs: at * 40_000, stateOf: () => 'bad', isSilenced: () => false }).incidents
  t.equal(incidents.length, 1, 'what is left of it when it heals path by path is no incident of its own')
})

t.test('agents that are silent are told after the time that the rule says, and not at all where it is switched off', async t => {
  const rule = (text: object) =>
    compileRules({
      alerts: { receivers: [], routes: [], rules: [{ name: 'default/agent-lost', enabled: true, owner: 'o', ...text }] } as never,
    })
  const lost = { kind: 'lost', agents: ['a'], place: 'a', isRegion: false, sinceMs: 0 } as const
  const isolated = { kind: 'isolated', agents: ['a', 'b'], regions: ['r', 's'], of: 2, sinceMs: 0 } as const
  const of = (text: object, found: Parameters<typeof findingOfAgents>[0], nowMs: number) =>
    findingOfAgents(found, rule(text).byName.get('default/agent-lost'), nowMs)?.isFiring
  for (const found of [lost, isolated]) {
    t.equal(of({}, found, 90_000), true)
    t.equal(of({ for: '5m' }, found, 389_000), false)
    t.equal(of({ for: '5m' }, found, 390_000), true)
    t.equal(of({ enabled: false }, found, 900_000), undefined)
  }
})
