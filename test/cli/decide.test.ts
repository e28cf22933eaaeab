/** `probe silence`, `maintenance`, `change` and `baseline`, and the lists of them, against a controller's API on a port. */
import t from 'tap'
import type { DecisionAnswer } from '../../wire/api/incidents.ts'
import { startMs } from '../controller/web/api.ts'
import { controllerHere } from './controller-here.ts'

const reason = ['--reason', 'the line is being repaired']
const endOf = (hours: number): string => new Date(startMs + hours * 3_600_000).toISOString()

t.test('each is made, listed with who and why, and ended before its time', async t => {
  const here = await controllerHere(t)
  const cases: [made: string[], list: string, row: RegExp][] = [
    [
      ['silence', 'add', '--place', 'aws/us-east-1', '--for', '2h'],
      'silences',
      /place=aws\/us-east-1 .*the line is being repaired .*10:00\n/,
    ],
    [['maintenance', 'add', '--from', 'aws', '--to', 'azure', '--end', endOf(3)], 'maintenance', /from=aws to=azure .*11:00\n/],
    [['change', 'add', '--target', 'payments'], 'changes', /target=payments .*the line is being repaired/],
    [['change', 'add'], 'changes', /everything .*the line is being repaired/],
    [['baseline', 'accept', '--check', 'mesh-tcp'], 'changes', /check=mesh-tcp/],
  ]
  for (const [args, list, row] of cases) {
    const made = await here.probe([...args, ...reason])
    t.match(made, { code: 0, err: '' }, args.join(' '))
    const [id = ''] = made.out.trim().split(' ')
    t.match((await here.probe(['get', list])).out, row)
    here.clock.ms += 60_000
    t.match(await here.probe([args[0]!, 'end', id]), { code: 0, out: `ended ${id}\n` })
  }
})

t.test('for programs it is one document with all that was decided', async t => {
  const { probe } = await controllerHere(t)
  const { out } = await probe(['silence', 'add', '--cause', 'packet_loss', '--for', '30m', ...reason, '--output', 'json'])
  const made = JSON.parse(out) as DecisionAnswer
  t.match(made, { match: { cause: 'packet_loss' }, reason: reason[1], active: true, end: endOf(0.5) })
  const list = JSON.parse((await probe(['get', 'silences', '--output', 'json'])).out) as { items: DecisionAnswer[] }
  t.strictSame(list.items, [made])
  const baseline = JSON.parse((await probe(['baseline', 'accept', ...reason, '--output', 'json'])).out) as DecisionAnswer
  t.equal(baseline.kind, 'baseline')
})

t.test('a silence without an end, one about nothing, and other slips are told with their remedy', async t => {
  const { probe } = await controllerHere(t)
  const cases: [string[], RegExp][] = [
    [
      ['silence', 'add', '--place', 'aws', ...reason],
      /--for: missing: a silence without an end hides what it was not made for; say how long \(2h\)/,
    ],
    [['maintenance', 'add', '--place', 'aws', ...reason], /--for: missing: a maintenance without an end/],
    [['silence', 'add', '--for', '2h', ...reason], /about what\? --place --from/],
    [['silence', 'add', '--for', '2h', '--place', 'aws'], /--reason: missing/],
    [['silence'], /what\? want add or end/],
    [['baseline', 'add', ...reason], /"add" want accept or end/],
    [['silence', 'end'], /want the id of one/],
    [['silence', 'add', 'aws', '--for', '2h', ...reason], /"aws" does not belong here/],
    [['change', 'add', '--for', '2h', ...reason], /--for: unknown option of change/],
    [['silence', 'add', '--palce', 'aws', '--for', '2h', ...reason], /did you mean --place/],
    [['silence', 'add', '--place', 'aws', '--for', 'ever', ...reason], /for: got "ever"/],
    [['silence', 'add', '--place', 'aws', '--for', '200d', ...reason], /90 days/],
    [['silence', 'add', '--place', 'aws', '--end', '2020-01-01T00:00:00Z', ...reason], /before it begins|over already/],
    [['silence', 'end', 'nothing'], /nothing/],
  ]
  for (const [args, told] of cases) {
    const { code, err, out } = await probe(args)
    t.match({ code, out }, { code: 2, out: '' }, args.join(' '))
    t.match(err, told)
  }
  for (const list of ['silences', 'maintenance', 'changes']) t.match(await probe(['get', list]), { code: 0, out: /^no / })
})

t.test('who may only look decides nothing', async t => {
  const { person, probe } = await controllerHere(t)
  const env = { CAUSEWAY_TOKEN: await person('viewer') }
  for (const args of [
    ['silence', 'add', '--place', 'aws', '--for', '2h'],
    ['maintenance', 'add', '--place', 'aws', '--for', '2h'],
    ['change', 'add'],
    ['baseline', 'accept'],
  ]) {
    const { code, err } = await probe([...args, ...reason], { env })
    t.equal(code, 2)
    t.match(err, /operator/)
  }
  t.match(await probe(['get', 'silences'], { env }), { code: 0 })
})
