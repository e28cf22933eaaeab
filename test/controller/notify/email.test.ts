/** Mail, to a real SMTP server: over TLS, in threads, and with nothing of an agent's in its head. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { outboxSize } from '../../../controller/store/outbox.ts'
import { makeAuthority } from '../../servers/authority.ts'
import { type Smtp, type SmtpOptions, startSmtp } from '../../servers/smtp-server.ts'
import { aNotification } from './a-page.ts'
import { openNotifying } from './notifying.ts'

const email = ({ port }: Pick<Smtp, 'port'>, more: object = {}) => ({
  type: 'email' as const,
  name: 'mail',
  smtp: `127.0.0.1:${port}`,
  ...more,
})
const serverFor = async (t: Test, options: SmtpOptions = {}) => {
  const smtp = await startSmtp(options)
  t.teardown(() => smtp.close())
  return smtp
}
/** Its leaf is for 127.0.0.1; the path of its own PEM. */
const ours = async (t: Test) => {
  const authority = await makeAuthority({ name: 'Ours' })
  const directory = mkdtempSync(join(tmpdir(), 'causeway-mail-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const ca = join(directory, 'ca.pem')
  writeFileSync(ca, authority.certPem)
  return { authority, ca, tls: await authority.issue({ addresses: ['127.0.0.1'] }) }
}
const headOf = (data: string) => data.slice(0, data.indexOf('\n\n')).replace(/\n[ \t]+/g, ' ')

t.test('an incident is a thread of mails over TLS, with the name and password of the file', async t => {
  const { ca, tls } = await ours(t)
  const [n, smtp] = [await openNotifying(t), await serverFor(t, { tls })]
  n.environment['PASSWORD'] = 'canary-password'
  const lane = n.lane(email(smtp, { ca, user: 'causeway', password: { env: 'PASSWORD' }, to: ['a@example.com', 'b@example.com'] }))
  await n.tell(['mail'], aNotification())
  await lane.turn()
  await n.tell(['mail'], aNotification({ id: 'n2', event: 'resolved', page: { state: 'resolved', endedAt: n.clock.ms } }))
  await lane.turn()
  const [first, last] = smtp.mails
  t.match(first, {
    isSecure: true,
    login: 'causeway:canary-password',
    from: 'causeway@example.org',
    to: ['a@example.com', 'b@example.com'],
  })
  const id = /^Message-ID: (<.*>)$/m.exec(headOf(first!.data))![1]
  t.match(headOf(last!.data), new RegExp(`^References: ${id}$`, 'm'))
  t.match(headOf(last!.data), /^Auto-Submitted: auto-generated$/m)
  t.match(headOf(first!.data), /^Content-Type: multipart\/alternative/m)
  t.notMatch(n.logged.join(''), /canary/)
})

t.test('without TLS nothing is told, unless the file says that there is none', async t => {
  const [n, plain] = [await openNotifying(t), await serverFor(t)]
  await n.tell(['mail'], aNotification())
  const lane = n.lane(email(plain))
  n.clock.ms += await lane.turn()
  t.strictSame(plain.mails, [])
  t.notOk(plain.lines.some(line => /^(MAIL|AUTH)/.test(line)))
  await n.lane(email(plain, { tls: 'none' })).turn()
  t.match(plain.mails, [{ isSecure: false }])
})

t.test('a server that shows another’s certificate gets nothing', async t => {
  const { authority, ca } = await ours(t)
  const [n, smtp] = [await openNotifying(t), await serverFor(t, { tls: await authority.issue({ names: ['other.example'] }) })]
  await n.tell(['mail'], aNotification())
  await n.lane(email(smtp, { ca })).turn()
  t.strictSame(smtp.mails, [])
  t.match(n.logged.at(-1), /does not match|altname/i)
})

t.test('a hostile title adds no header and no recipient', async t => {
  const [n, smtp] = [await openNotifying(t), await serverFor(t)]
  const title = 'x\r\nBcc: all@example.com\r\n\r\n<script>alert(1)</script>\u2028.\r\nRCPT TO:<all@example.com>'
  await n.tell(['mail'], aNotification({ page: { title, incident: 'x\r\nBcc: all@example.com', labels: { a: '\r\n.\r\nQUIT' } } }))
  await n.lane(email(smtp, { tls: 'none' })).turn()
  t.equal(smtp.mails.length, 1)
  t.strictSame(smtp.mails[0]!.to, ['oncall@example.com'])
  t.notMatch(headOf(smtp.mails[0]!.data), /^Bcc/m)
  t.equal(smtp.lines.filter(line => line.startsWith('RCPT')).length, 1)
})

t.test('a server that refuses the mail is believed; one that refuses who sends, or says later, is tried again', async t => {
  const n = await openNotifying(t)
  const size = async () => (await n.store.read(outboxSize)).size
  const cases: [SmtpOptions['answers'], number][] = [
    [{ DATA: () => '554 we take no alerts' }, 0],
    [{ DATA: () => '451 later' }, 1],
    [{ MAIL: () => '550 who are you' }, 1],
    [{ RCPT: () => '450 greylisted' }, 1],
  ]
  for (const [index, [answers, left]] of cases.entries()) {
    const [name, smtp] = [`m${index}`, await serverFor(t, { ...(answers && { answers }) })]
    await n.tell([name], aNotification())
    const before = await size()
    await n.lane({ ...email(smtp, { tls: 'none' }), name }).turn()
    t.equal((await size()) - before + 1, left, n.logged.at(-1)!)
  }
})

t.test('a server that says nothing is given up after its time, and the connection is closed', async t => {
  const [n, smtp] = [await openNotifying(t, { timeoutMs: 500 }), await serverFor(t, { isSilent: true })]
  await n.tell(['mail'], aNotification())
  const waitMs = await n.lane(email(smtp)).turn()
  t.ok(waitMs >= 500)
  t.match(n.logged.at(-1), /no answer in 0.5 s|Greeting never received/i)
})
