/** What people read, when those who are read about are hostile. */
import t from 'tap'
import { alertsOf } from '../../../controller/notify/alertmanager.ts'
import { threadOf } from '../../../controller/notify/email.ts'
import { mailOf, mailOfMany } from '../../../controller/notify/email-text.ts'
import { groupTickets } from '../../../controller/notify/group.ts'
import type { Message } from '../../../controller/notify/message.ts'
import { eventsOf } from '../../../controller/notify/pagerduty.ts'
import { sectionsOf } from '../../../controller/notify/say.ts'
import { blocksOf, blocksOfMany, escapeMrkdwn } from '../../../controller/notify/slack-blocks.ts'
import { aNotification, aPage } from './a-page.ts'

const nowMs = aPage().detectedAt
const nasty =
  '<!channel> <https://evil.example|click> *bold* `x` :boom: <script>alert(1)</script> {{ .Labels }} {{ template "x" }}\r\nBcc: all@example.com\u202Etxt'
const hostile = (more: object = {}): Message =>
  aNotification({
    page: {
      ...{
        title: nasty,
        place: nasty,
        impact: nasty,
        evidence: [nasty],
        against: [nasty],
        changed: [nasty],
        next: nasty,
        cause: nasty,
        runnerUp: nasty,
      },
      ...{ fixes: [{ where: nasty, command: nasty }], labels: { 'x y"{}': nasty, alertname: 'mine', __name__: nasty, '1': 'one' } },
      ...{
        links: [
          { title: nasty, url: 'javascript:alert(1)' },
          { title: nasty, url: 'https://ok.example/"><b>' },
        ],
        runbook: 'https://run.example/a|b>',
      },
    },
    ...more,
  })

type Piece = { type: string; text?: string; elements?: Piece[] }
const piecesOf = (piece: Piece): Piece[] => [piece, ...(piece.elements ?? []).flatMap(piecesOf)]

t.test('in Slack no text of others is markup: it is in elements that have none, and escaped in the line that has', async t => {
  const { text, blocks } = blocksOf(hostile())
  t.match(text, /&lt;!channel&gt;/)
  t.notMatch(text, /[<>\n\u202e]/)
  const kinds = new Set(blocks.flatMap(block => piecesOf(block as Piece)).map(({ type }) => type))
  t.same(
    [...kinds].sort(),
    ['header', 'link', 'rich_text', 'rich_text_list', 'rich_text_preformatted', 'rich_text_section', 'text'],
    'and no mrkdwn, user, broadcast or emoji',
  )
  t.notMatch(JSON.stringify(blocks), /javascript:|\u202e/)
  t.equal(escapeMrkdwn('a & <b>'), 'a &amp; &lt;b&gt;')
  const [head] = blocks
  t.ok(head?.type === 'header' && head.text.text.length <= 150)
})

t.test('in mail every text is escaped in HTML, and none breaks a line of the head', async t => {
  const { subject, html, text } = mailOf(hostile())
  t.notMatch(html, /<script|<!channel|<b>bold|javascript:/)
  t.match(html, /&lt;script&gt;/)
  t.notMatch(subject, /[\r\n\u202e]/)
  t.notMatch(text, /^Bcc:/m)
  t.same(
    new Set(html.match(/<\/?[a-z]+/g)?.map(tag => tag.replace('/', ''))),
    new Set(['<html', '<head', '<meta', '<title', '<body', '<h', '<p', '<b', '<ul', '<li', '<pre', '<a']),
  )
})

t.test('what is long is cut, and what is many is counted', async t => {
  const page = aPage({ title: 'x'.repeat(9000), evidence: Array.from({ length: 500 }, (_, i) => `${i} ${'y'.repeat(5000)}`), fixes: [] })
  const message = aNotification({ page })
  const all = JSON.stringify([blocksOf(message), mailOf(message), eventsOf(message), alertsOf(message, nowMs)])
  t.ok(all.length < 60_000, `${all.length} characters`)
  t.match(
    sectionsOf(message)
      .find(({ what }) => what === 'Evidence')
      ?.lines.at(-1),
    'and 490 more',
  )
  const [event] = eventsOf(message)
  t.ok(JSON.stringify(event).length < 512 * 1024, 'the most that PagerDuty takes')
})

t.test('PagerDuty gets one key for one incident, and a severity of its own', async t => {
  const [trigger] = eventsOf(aNotification())
  t.match(trigger, {
    event_action: 'trigger',
    dedup_key: `causeway/${aPage().key}`,
    payload: { severity: 'critical', source: aPage().place },
  })
  t.match(eventsOf(aNotification({ page: { severity: 'ticket' } })), [{ payload: { severity: 'warning' } }])
  const ended = eventsOf(aNotification({ event: 'resolved', page: { state: 'resolved' } }))
  t.strictSame(ended, [{ event_action: 'resolve', dedup_key: `causeway/${aPage().key}` }])
  const long = eventsOf(aNotification({ key: 'ü'.repeat(120) }))
  t.ok(String(long[0]?.dedup_key).length <= 255)
  t.strictSame(
    eventsOf(aNotification({ event: 'test' })).map(({ event_action }) => event_action),
    ['trigger', 'resolve'],
    'nobody has to end a test by hand',
  )
})

t.test('an alert lasts four minutes longer than it was said, has sound labels, and one with other labels takes its place', async t => {
  const [alert] = alertsOf(hostile(), nowMs)
  t.equal(Date.parse(alert!.endsAt) - nowMs, 240_000)
  for (const name of Object.keys(alert!.labels)) t.match(name, /^[a-zA-Z_][a-zA-Z0-9_]*$/)
  t.match(alert!.labels, { alertname: 'CausewayIncident', severity: 'page', x_1: 'one' })
  t.notMatch(JSON.stringify(alert!.labels), /\\n|"__/)
  const page = aPage()
  const before = { receiver: 'am', key: page.key, id: 'n1', version: 1, page, firstMs: 0, saidMs: 0, sentMs: 0, isQuiet: false }
  t.equal(alertsOf({ ...aNotification({ event: 'updated' }), before }, nowMs).length, 1)
  const both = alertsOf({ ...aNotification({ event: 'updated', page: { severity: 'ticket' } }), before }, nowMs)
  t.match(both, [
    { labels: { severity: 'page' }, endsAt: new Date(nowMs).toISOString() },
    { labels: { severity: 'ticket' }, endsAt: new Date(nowMs + 240_000).toISOString() },
  ])
  const [ended] = alertsOf(aNotification({ page: { state: 'resolved', since: nowMs, endedAt: nowMs - 5 } }), nowMs)
  t.ok(Date.parse(ended!.startsAt) <= Date.parse(ended!.endsAt), 'also when clocks disagree')
})

t.test('many tickets that begin or end at once are one message; pages and what was told alone are not', async t => {
  const tickets = Array.from({ length: 5 }, (_, i) =>
    aNotification({ id: `t${i}`, key: `t${i}`, page: { severity: 'ticket', title: `fault ${i}` } }),
  )
  const page = aNotification({ id: 'p', key: 'p' })
  const shape = (messages: Message[]) => groupTickets(messages).map(group => group.map(({ id }) => id).join(' '))
  t.strictSame(shape([page, ...tickets]), ['p', 't0 t1 t2 t3 t4'])
  t.strictSame(shape([page, ...tickets.slice(0, 3)]), ['p', 't0', 't1', 't2'])
  const before = {
    receiver: 'r',
    key: 't0',
    id: 't0',
    version: 1,
    page: page.page,
    handle: 'h',
    firstMs: 0,
    saidMs: 0,
    sentMs: 0,
    isQuiet: false,
  }
  t.strictSame(shape([{ ...tickets[0]!, before }, ...tickets.slice(1)]), ['t0', 't1 t2 t3 t4'])
  t.match(blocksOfMany(tickets).text, /FIRING \(tickets\) · 5 incidents/)
  t.match(mailOfMany(tickets).text, /- fault 4/)
})

t.test('mails of one incident are one thread, and one that goes out twice has one id', async t => {
  const first = threadOf([aNotification()], 'example.org')
  t.strictSame(threadOf([aNotification({ id: 'n2', event: 'updated' })], 'example.org'), first, 'the first that is told, whatever it is')
  const before = {
    receiver: 'r',
    key: 'k',
    id: 'n1',
    version: 1,
    page: aPage(),
    handle: first.id,
    firstMs: 0,
    saidMs: 0,
    sentMs: 0,
    isQuiet: false,
  }
  const next = threadOf([{ ...aNotification({ id: 'n2', event: 'resolved' }), before }], 'example.org')
  t.equal(next.root, first.id)
  t.not(next.id, first.id)
  t.not(threadOf([aNotification({ page: { incident: 'another' } })], 'example.org').id, first.id)
  t.match(first.id, /^<[0-9a-f]{32}@example\.org>$/)
})
