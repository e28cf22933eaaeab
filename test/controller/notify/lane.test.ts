/** One receiver's lane: at least once, one after the other, and never in the way of another. Real HTTP sinks, a clock that moves by hand. */
import { createHmac } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { setQuiet } from '../../../controller/store/deliveries.ts'
import { outboxSize } from '../../../controller/store/outbox.ts'
import { makeAuthority } from '../../servers/authority.ts'
import { aNotification } from './a-page.ts'
import { type Notifying, openNotifying, startMs } from './notifying.ts'
import { type Sink, startSink } from './sink.ts'

const minuteMs = 60_000
const webhook = ({ url }: Pick<Sink, 'url'>, more: object = {}) => ({ type: 'webhook' as const, name: 'hook', url: `${url}/in`, ...more })
const sinkFor = async (test: Pick<typeof t, 'teardown'>) => {
  const sink = await startSink()
  test.teardown(() => sink.close())
  return sink
}
const waiting = async ({ store }: Notifying) => (await store.read(outboxSize)).size
const outcomes = async ({ counters }: Notifying) =>
  Object.fromEntries((await counters.notifications.get()).values.map(({ labels, value }) => [labels.outcome, value]))

t.test('what is to be told is told once, signed, with its id and the whole page', async t => {
  const [n, sink] = [await openNotifying(t), await sinkFor(t)]
  n.environment['KEY'] = 'canary-key-1'
  const lane = n.lane(webhook(sink, { signingKey: { env: 'KEY' } }))
  await n.tell(['hook'], aNotification())
  await lane.turn()
  await lane.turn()
  t.equal(sink.got.length, 1)
  const [{ headers, body, json }] = sink.got as [Sink['got'][number]]
  t.match(json(), { apiVersion: 'causeway/v1', id: 'n1', event: 'firing', version: 1, page: { title: /1380 bytes/, state: 'firing' } })
  t.equal(headers['causeway-id'], 'n1')
  const timestamp = headers['causeway-timestamp']
  t.equal(timestamp, String(startMs / 1000))
  const mac = createHmac('sha256', 'canary-key-1').update(`${timestamp}.${body}`).digest('hex')
  t.equal(headers['causeway-signature'], `v1=${mac}`)
  t.equal(await waiting(n), 0)
  t.match(await outcomes(n), { taken: 1 })
})

t.test('a receiver that answers 500 for an hour gets all of it afterwards, as it is then, and is not run over meanwhile', async t => {
  const [n, sink] = [await openNotifying(t), await sinkFor(t)]
  const lane = n.lane(webhook(sink))
  const endMs = startMs + 60 * minuteMs
  sink.answer.next = () => (n.clock.ms < endMs ? { status: 500, body: 'no <b>today</b>\n' } : {})
  await n.tell(['hook'], aNotification())
  let changes = 1
  while (n.clock.ms < endMs + 6 * minuteMs) {
    n.clock.ms += Math.max(1, await lane.turn())
    if (changes < 5) await n.tell(['hook'], aNotification({ id: `n${++changes}`, version: changes, event: 'updated', at: n.clock.ms }))
  }
  const failed = sink.got.filter((_, index) => index < sink.got.length - 1)
  t.ok(failed.length >= 12 && failed.length <= 40, `${failed.length} tries in an hour, want some every 1 s to 5 min`)
  t.match(sink.got.at(-1)?.json(), { id: 'n5', version: 5, event: 'firing' }, 'only the last word of it, and it is still news')
  t.equal(await waiting(n), 0)
  t.equal(n.logged.filter(line => /is down/.test(line)).length, 1, 'that it is down is said once')
  t.ok(n.logged.some(line => /takes notifications again/.test(line)))
})

t.test('Retry-After is honoured', async t => {
  const [n, sink] = [await openNotifying(t), await sinkFor(t)]
  const lane = n.lane(webhook(sink))
  sink.answer.next = () => ({ status: 429, headers: { 'retry-after': '90' } })
  await n.tell(['hook'], aNotification())
  t.equal(await lane.turn(), 90_000)
  n.clock.ms += 89_000
  await lane.turn()
  t.equal(sink.got.length, 1)
  n.clock.ms += 1000
  sink.answer.next = () => ({ status: 503, headers: { 'retry-after': new Date(n.clock.ms + 120_000).toUTCString() } })
  t.equal(await lane.turn(), 120_000, 'as a date too')
  n.clock.ms += 120_000
  sink.answer.next = () => ({})
  await lane.turn()
  t.equal(await waiting(n), 0)
})

t.test('a receiver that hangs is given up after its time, and delays no other', async t => {
  const n = await openNotifying(t, { timeoutMs: 500 })
  const [hanging, well] = [await sinkFor(t), await sinkFor(t)]
  hanging.answer.next = () => 'nothing'
  const lanes = [n.lane({ ...webhook(hanging), name: 'hanging' }), n.lane({ ...webhook(well), name: 'well' })]
  await n.tell(['hanging', 'well'], aNotification())
  const stuck = lanes[0]!.turn()
  await lanes[1]!.turn()
  t.equal(well.got.length, 1)
  t.ok((await stuck) >= 500, 'and it is tried again later')
  t.match(n.logged.join(''), /no answer in 0.5 s/)
  t.equal(await waiting(n), 1)
})

t.test('what a receiver refuses is given up, said, and not in the way of the next', async t => {
  const [n, sink] = [await openNotifying(t), await sinkFor(t)]
  const lane = n.lane(webhook(sink))
  sink.answer.next = ({ body }) => (body.includes('"n1"') ? { status: 422, body: 'bad \u001b[31mfield' } : {})
  await n.tell(['hook'], aNotification({ key: 'a', id: 'n1', at: 1 }))
  await n.tell(['hook'], aNotification({ key: 'b', id: 'n2', at: 2 }))
  await lane.turn()
  t.match(sink.got.at(-1)?.json(), { id: 'n2' })
  t.equal(await waiting(n), 0)
  t.match(n.logged.join(''), /answered 422: bad +\[31mfield/)
  t.match(await outcomes(n), { refused: 1, taken: 1 })
})

t.test('a redirect is not followed', async t => {
  const [n, sink, elsewhere] = [await openNotifying(t), await sinkFor(t), await sinkFor(t)]
  const lane = n.lane(webhook(sink))
  for (const location of [elsewhere.url, 'http://169.254.169.254/latest/meta-data/']) {
    sink.answer.next = () => ({ status: 302, headers: { location } })
    await n.tell(['hook'], aNotification())
    n.clock.ms += await lane.turn()
  }
  t.equal(elsewhere.got.length, 0)
  t.match(n.logged.join(''), /redirects are not followed/)
})

t.test('a process that ends between sending and noting it sends again, under the same id and key', async t => {
  const [n, sink] = [await openNotifying(t), await sinkFor(t)]
  const store = { ...n.store, write: n.store.write }
  const dead = new Error('killed')
  let writes = 0
  const lane = n.lane(webhook(sink), {
    store: { ...store, write: (...given) => (++writes > 1 ? Promise.reject(dead) : n.store.write(...given)) },
  })
  await n.tell(['hook'], aNotification())
  await t.rejects(lane.turn(), dead)
  await n.lane(webhook(sink)).turn()
  t.strictSame(
    sink.got.map(({ headers }) => headers['causeway-id']),
    ['n1', 'n1'],
  )
  t.equal(await waiting(n), 0)
})

t.test('a replica that does not lead tells nobody', async t => {
  const [n, sink] = [await openNotifying(t), await sinkFor(t)]
  await n.tell(['hook'], aNotification())
  await n.lane(webhook(sink), { isLeader: () => false }).turn()
  t.equal(sink.got.length, 0)
})

t.test('what still holds is said again after the repeat interval, until it is quiet or over', async t => {
  const [n, sink] = [await openNotifying(t), await sinkFor(t)]
  const lane = n.lane(webhook(sink, { repeat: '1h' }))
  await n.tell(['hook'], aNotification())
  await lane.turn()
  n.clock.ms += 59 * minuteMs
  await lane.turn()
  t.equal(sink.got.length, 1)
  n.clock.ms += minuteMs
  await lane.turn()
  t.match(sink.got[1]?.json(), { event: 'repeat', key: aNotification().key, page: { state: 'firing' } })
  t.not(sink.got[1]?.headers['causeway-id'], 'n1', 'another notification')
  await n.store.write(sql => setQuiet(sql, aNotification().key, true))
  n.clock.ms += 60 * minuteMs
  await lane.turn()
  t.equal(sink.got.length, 2, 'somebody has it')
  await n.store.write(sql => setQuiet(sql, aNotification().key, false))
  await n.tell(['hook'], aNotification({ id: 'n2', event: 'resolved', page: { state: 'resolved', endedAt: n.clock.ms } }))
  await lane.turn()
  n.clock.ms += 120 * minuteMs
  await lane.turn()
  t.match(
    sink.got.map(got => got.json()['event']),
    ['firing', 'repeat', 'resolved'],
  )
})

t.test('the watchdog speaks for as long as alerts are judged', async t => {
  const [n, sink] = [await openNotifying(t), await sinkFor(t)]
  let isJudging = true
  const lane = n.lane(webhook(sink, { watchdog: '1m' }), { isJudging: () => isJudging })
  for (let turn = 0; turn < 3; turn++) {
    await lane.turn()
    n.clock.ms += minuteMs
  }
  t.equal(sink.got.filter(got => got.json()['event'] === 'watchdog').length, 3)
  isJudging = false
  await lane.turn()
  t.equal(sink.got.length, 3)
})

t.test('a receiver whose secret is not there is said so, and tried again once it is', async t => {
  const [n, sink] = [await openNotifying(t), await sinkFor(t)]
  const lane = n.lane(webhook(sink, { signingKey: { env: 'KEY' } }))
  await n.tell(['hook'], aNotification())
  n.clock.ms += await lane.turn()
  t.match(n.logged.join(''), /signingKey: the controller has no environment variable KEY/)
  n.environment['KEY'] = 'canary-key-2'
  await lane.turn()
  t.equal(sink.got.length, 1)
})

t.test('no secret is in any line of the log, whatever the receiver repeats', async t => {
  const [n, sink] = [await openNotifying(t), await sinkFor(t)]
  n.environment['URL'] = `${sink.url}/services/canary-path?token=canary-query`
  n.environment['KEY'] = 'canary-key-3'
  sink.answer.next = ({ url }) => ({ status: 500, body: `no such hook: ${url} canary-key-3` })
  await n.tell(['hook'], aNotification())
  await n.lane({ type: 'webhook', name: 'hook', url: { env: 'URL' }, signingKey: { env: 'KEY' } }).turn()
  t.match(n.logged.join(''), /no such hook: \*\*\* \*\*\*/)
  t.notMatch(n.logged.join(''), /canary/)
})

t.test('no address of a metadata service is dialled, by name, by number or inside another', async t => {
  const n = await openNotifying(t, { lookup: (_name, _options, callback) => callback(null, [{ address: '169.254.169.254', family: 4 }]) })
  const urls = ['http://turned.example/', 'http://169.254.169.254/', 'http://[::ffff:169.254.169.254]/', 'http://[64:ff9b::a9fe:a9fe]/']
  for (const [index, url] of [...urls, 'http://0xa9fea9fe/'].entries()) {
    const name = `r${index}`
    await n.tell([name], aNotification())
    await n.lane({ type: 'webhook', name, url }).turn()
    t.match(n.logged.at(-1), /is a metadata service/, url)
  }
})

t.test(
  'a certificate that is not the receiver’s, or of an authority that is not trusted, ends the try; the right one does not',
  async t => {
    const n = await openNotifying(t)
    const authority = await makeAuthority({ name: 'Ours' })
    const directory = mkdtempSync(join(tmpdir(), 'causeway-ca-'))
    t.teardown(() => rmSync(directory, { recursive: true, force: true }))
    const ca = join(directory, 'ca.pem')
    writeFileSync(ca, authority.certPem)
    const cases = [
      { names: ['127.0.0.1'], more: {}, wanted: /self.signed|unable to verify|UNABLE_TO/ },
      { names: ['other.example'], more: { ca }, wanted: /does not match|ALTNAME/i },
      { names: ['127.0.0.1'], more: { ca } },
    ]
    for (const [index, { names, more, wanted }] of cases.entries()) {
      const [name] = names
      const leaf = await authority.issue(name === '127.0.0.1' ? { addresses: [name] } : { names })
      const sink = await startSink(leaf)
      t.teardown(() => sink.close())
      await n.tell([`r${index}`], aNotification())
      await n.lane({ ...webhook(sink, more), name: `r${index}` }).turn()
      t.equal(sink.got.length, wanted ? 0 : 1, 'nothing is told to a stranger')
      if (wanted) t.match(n.logged.at(-1), wanted)
    }
  },
)
