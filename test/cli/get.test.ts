/** `probe get` against a controller's API on a port. */
import { stripVTControlCharacters } from 'node:util'
import t from 'tap'
import { startMs } from '../controller/web/api.ts'
import { keep } from '../controller/web/history-of.ts'
import { controllerHere, type Here } from './controller-here.ts'

const minuteMs = 60_000
const aws = { cloud: 'aws', region: 'us-east-1' }
const azure = { cloud: 'azure', region: 'eastus' }

const open = async (...given: Parameters<typeof controllerHere>): Promise<Here> => {
  const here = await controllerHere(...given)
  for (const id of ['eks/n1', 'eks/n2', 'eks/n3']) await here.enrolled(id)
  const labels = { check: 'mesh-tcp', target: 'agent/aks/n1', source: aws, destination: azure }
  await keep(here.parts.store, [
    {
      agent: 'eks/n1',
      startMs: startMs - 2 * minuteMs,
      labels,
      ok: 99,
      fail: { tcp_timeout: 1 },
      rttSeconds: [0.03, 0.04],
      sent: 1000,
      received: 999,
    },
    { agent: 'eks/n2', startMs: startMs - minuteMs, labels: { ...labels, target: 'agent/aks/n2\u001b[31m' }, fail: { tcp_refused: 6 } },
  ])
  return here
}

t.test('a table has the columns that say something, and fits the terminal', async t => {
  const { probe } = await open(t)
  const agents = await probe(['get', 'agents'])
  t.match(agents, { code: 0, err: '' })
  const [head = '', first = ''] = agents.out.split('\n')
  t.match(head, /^AGENT +STATE +PLACE +SEEN$/, 'no column is empty')
  t.match(first, /^eks\/n1 +live +aws\/us-east-1 +0 s$/)
  const paths = await probe(['get', 'paths'])
  t.match(paths.out, /eks\/n1 +mesh-tcp +agent\/aks\/n1 +degraded +99\.00 % +\S+ ms +\S+ ms +\S+ ms +0\.10 % +tcp_timeout ×1\n/)
  t.match(paths.out, /agent\/aks\/n2\\x1b\[31m +fail +0 %/, 'nothing that is measured drives the terminal')
  const narrow = await probe(['get', 'paths'], { terminal: { isTTY: true, columns: 60 } })
  const plain = stripVTControlCharacters(narrow.out).split('\n')
  for (const line of plain) t.ok(line.length <= 60, line)
  t.match(plain[0], /^AGENT +CHECK +TARGET +VERDICT +AVAILABLE +P95$/, 'what can be spared is left out, numbers are not cut')
  t.ok(narrow.out.includes('\u001b[31mfail'))
  t.match((await probe(['get', 'links'])).out, /aws\/us-east-1 +azure\/eastus +2 +degraded/)
  t.match(
    (await probe(['get', 'history', '--step', '1m', '--from', 'aws'])).out,
    /2026-11-22T07:58:00Z +aws\/us-east-1 → azure\/eastus +1 +degraded/,
  )
  t.match((await probe(['get', 'slo'])).out, /^no link has an objective: /)
})

t.test('for programs: one document, or a line for each', async t => {
  const { probe } = await open(t)
  const json = JSON.parse((await probe(['get', 'agents', '--output', 'json', '--region', 'us-east-1'])).out) as { items: { id: string }[] }
  t.same(
    json.items.map(({ id }) => id),
    ['eks/n1', 'eks/n2', 'eks/n3'],
  )
  const cut = await probe(['get', 'agents', '--output', 'ndjson', '--limit', '2'])
  t.same(
    cut.out
      .trim()
      .split('\n')
      .map(line => (JSON.parse(line) as { id: string }).id),
    ['eks/n1', 'eks/n2'],
  )
  t.match(cut.err, /there are more than 2: --limit/)
  t.match(JSON.parse((await probe(['get', 'history', '--group-by', 'agent', '--output', 'ndjson'])).out.split('\n')[0]!), {
    group: 'eks/n1',
    measured: { runs: { ok: 99 } },
  })
})

t.test('with --watch it is shown again and again, until it is stopped', async t => {
  const here = await open(t)
  const watching = here.watch(['get', 'agents', '--watch', '--output', 'ndjson'])
  await watching.until(({ out }) => out.split('eks/n1').length > 2)
  t.equal(await watching.stop(), 0)
})

t.test('what is asked in the wrong way is told with its remedy', async t => {
  const { probe } = await open(t)
  const cases: [string[], RegExp][] = [
    [['get'], /get what\? agents, targets, paths, links, history, slo, incidents, silences, maintenance, changes, fleet/],
    [['get', 'pahts'], /unknown thing "pahts", did you mean paths\?/],
    [['get', 'agents', '--check', 'x'], /--check: agents have no such column, they have .*--cloud/],
    [['get', 'agents', '--limit', '0'], /--limit: got "0", want a whole number from 1/],
    [['get', 'paths', 'x'], /"x" does not belong here/],
    [['get', 'paths', '--verdict', 'bad'], /^probe get: \S+ the query: verdict: got "bad", want one of ok, degraded, fail, unmeasured\n$/],
    [['get', 'fleet', '--output', 'yaml'], /there is no such document/],
    [['get', 'run'], /run: want the id of one run/],
  ]
  for (const [args, told] of cases) {
    const { code, err } = await probe(args)
    t.equal(code, 2, args.join(' '))
    t.match(err, told)
  }
})

t.test('the help lists the things and every filter with whose it is, and no help is wider than a page', async t => {
  const { probe } = await controllerHere(t)
  const { code, out } = await probe(['get', '--help'])
  t.equal(code, 0)
  t.match(out, /paths +who probes what/)
  t.match(out, /--group-by path\|link\|agent\|target +history: what becomes one row/)
  t.match(out, /--window duration/)
  for (const command of ['get', 'apply', 'check', 'login', 'join-token']) {
    const help = await probe([command, '--help'])
    t.match(help, { code: 0, err: '' })
    for (const line of help.out.split('\n')) t.ok(line.length <= 100, line)
  }
})
