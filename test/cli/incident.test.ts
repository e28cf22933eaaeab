/** `probe incident` and `probe get incidents` against a controller's API on a port. */
import { stripVTControlCharacters } from 'node:util'
import t from 'tap'
import type { IncidentAnswer } from '../../wire/api/incidents.ts'
import { startMs } from '../controller/web/api.ts'
import { incident, keepIncident } from '../controller/web/incident-of.ts'
import { controllerHere, type Here } from './controller-here.ts'

const next = 'probe check --from aws/us-east-1 --to azure/eastus --kinds mtu,tcp --both-ways'
const fix = 'nft add rule inet filter forward tcp flags syn tcp option maxseg size set rt mtu'
const blackHole = incident('01JDQZ6M3C', {
  title: 'aws/us-east-1 → azure/eastus: packets above 1380 bytes vanish, one way',
  layer: 'path',
  cause: 'path_mtu_black_hole',
  direction: 'forward',
  impact: '38 of 40 paths of this link, from 5 of 5 agents; the target payments among them',
  evidence: [
    '38 paths fail with mtu_black_hole or tls_stalled since 07:48:10; TCP connects on all of them',
    'no packet-too-big came from any hop\u001b[2J',
  ],
  against: ['azure/eastus → aws/us-east-1 carries 1500 bytes', 'the other 4 links of aws/us-east-1 are well'],
  runnerUp: 'handshake_too_big',
  changed: ['07:47:50 route of agent eks/n1 to azure/eastus: hop 3 is 10.0.9.1, was 10.0.8.1'],
  fixes: [{ where: 'the gateway 10.0.9.1', command: fix }],
  next,
  runbook: 'path_mtu_black_hole',
  subjects: Array.from({ length: 38 }, (_, index) => `eks/n${index} mesh-tls agent/aks/n1 ipv4`),
  sinceMs: startMs - 720_000,
  openedMs: startMs - 650_000,
  timeline: [
    { atMs: startMs - 710_000, kind: 'formed', text: '2 paths' },
    { atMs: startMs - 650_000, kind: 'opened', text: 'aws/us-east-1 → azure/eastus: packets vanish' },
  ],
})

const open = async (t: Parameters<typeof controllerHere>[0]): Promise<Here> => {
  const here = await controllerHere(t)
  await keepIncident(here.parts.store, blackHole)
  await keepIncident(
    here.parts.store,
    incident('02', { state: 'ended', endedMs: startMs - 1000, end: 'well again', formedMs: startMs - 1e6 }),
  )
  return here
}

t.test('what is wrong is a line each, the worst to see, and those that are over when asked for', async t => {
  const { probe } = await open(t)
  const { code, out } = await probe(['get', 'incidents'])
  t.equal(code, 0)
  t.match(
    out,
    /^ *INCIDENT +SEVERITY +AGO +WHAT +CAUSE +IMPACT\n01JDQZ6M3C +page +12 min +aws\/us-east-1 → azure\/eastus: packets above 1380/,
  )
  t.equal(out.split('\n').length, 3)
  t.match((await probe(['get', 'incidents', '--state', 'ended'])).out, /02 .* well again\n$/)
  t.match((await probe(['get', 'incidents', '--severity', 'ticket'])).out, /^nothing is wrong\n$/)
  const json = JSON.parse((await probe(['get', 'incidents', '--output', 'json'])).out) as { items: { id: string }[] }
  t.same(
    json.items.map(({ id }) => id),
    ['01JDQZ6M3C'],
  )
})

t.test('an incident says what, where and what to do before why, and nothing in it drives the terminal', async t => {
  const { probe } = await open(t)
  const { code, out } = await probe(['incident', '01JDQZ6M3C'])
  t.equal(code, 0)
  t.match(out, /^aws\/us-east-1 → azure\/eastus: packets above 1380 bytes vanish, one way\npage, open for 12 min\n/)
  t.match(out, '\nnobody looks after it: probe incident 01JDQZ6M3C ack\n')
  t.match(out, '\n  since     2026-11-22 07:48:00 UTC, 12 min ago, seen 70 s later\n')
  t.match(out, '\n  cause     path_mtu_black_hole (layer path)\n  or else   handshake_too_big\n')
  t.match(out, 'from any hop\\x1b[2J')
  t.match(
    out,
    `\n  next      ${next}\n  fix       the gateway 10.0.9.1\n            ${fix}\n  runbook   docs/runbooks/path_mtu_black_hole.md\n`,
  )
  t.match(out, '· and 28 more: --output json\n')
  const order = ['where', 'since', 'impact', 'cause', 'evidence', 'against', 'changed', 'next', 'fix', 'runbook', 'paths', 'timeline']
  const at = order.map(name => out.indexOf(`\n  ${name} `))
  t.same(
    at,
    at.toSorted((a, b) => a - b),
  )
  t.match(JSON.parse((await probe(['incident', '01JDQZ6M3C', '--output', 'json'])).out) as IncidentAnswer, { id: '01JDQZ6M3C', next })
})

t.test('it fits a narrow window but for what is pasted, and a terminal that has no UTF-8', async t => {
  const { probe } = await open(t)
  for (const columns of [60, 100]) {
    const { out } = await probe(['incident', '01JDQZ6M3C'], { terminal: { isTTY: true, columns } })
    t.ok(out.includes('\u001b[31m'), 'what pages is red')
    for (const line of stripVTControlCharacters(out).split('\n'))
      t.ok(line.length <= columns || [next, fix].includes(line.replace(/^ *(next)? */, '')), line)
    const list = await probe(['get', 'incidents'], { terminal: { isTTY: true, columns } })
    for (const line of stripVTControlCharacters(list.out).split('\n')) t.ok(line.length <= columns, line)
  }
  const { out } = await probe(['incident', '01JDQZ6M3C'], { env: { LANG: 'C' } })
  t.match(out, 'aws/us-east-1 -> azure/eastus')
  t.notMatch(out, /\P{ASCII}/u)
})

t.test('who looks after it is said; one that is over cannot be taken', async t => {
  const { probe } = await open(t)
  const taken = await probe(['incident', '01JDQZ6M3C', 'ack', '--note', 'rolling back the gateway'])
  t.match(taken, { code: 0, err: '' })
  t.match(taken.out, /\n.+ looks after it since 2026-11-22 08:00:00 UTC: rolling back the gateway\n/)
  t.match((await probe(['get', 'incidents'])).out, /LOOKED AT BY/)
  t.match(await probe(['incident', '02', 'ack']), { code: 1, out: '' })
  t.match((await probe(['incident', '02'])).out, /\npage, ended: well again\n/)
})

t.test('what is asked in the wrong way, or by who may not, is told with its remedy', async t => {
  const here = await open(t)
  const cases: [string[], RegExp][] = [
    [['incident'], /want the id of one, which probe get incidents shows/],
    [['incident', 'x', 'close'], /"close": want ack, or nothing/],
    [['incident', 'x', '--note', 'y'], /--note: goes with ack/],
    [['incident', 'x', 'ack', 'now'], /"now" does not belong here/],
    [['incident', 'x', '--outptu', 'json'], /did you mean --output/],
    [['incident', 'nothing'], /nothing/],
  ]
  for (const [args, told] of cases) {
    const { code, err, out } = await here.probe(args)
    t.match({ code, out }, { code: 2, out: '' }, args.join(' '))
    t.match(err, told)
  }
  const viewer = { CAUSEWAY_TOKEN: await here.person('viewer') }
  t.match(await here.probe(['incident', '01JDQZ6M3C'], { env: viewer }), { code: 0 })
  const refused = await here.probe(['incident', '01JDQZ6M3C', 'ack'], { env: viewer })
  t.match(refused, { code: 2, out: '' })
  t.match(refused.err, /operator/)
})
