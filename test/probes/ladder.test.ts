import t from 'tap'
import { judgeLadder } from '../../probes/ladder.ts'
import type { LadderEnd, LadderStep } from '../../wire/measured.ts'
import { makeAuthority } from '../servers/authority.ts'
import { tlsServers } from '../servers/tls-servers.ts'
import { run, started, targetOf, word } from './targets.ts'

const step = (hello: LadderStep['hello'], bytes: number, end: LadderEnd): LadderStep => ({
  hello,
  bytes,
  packets: Math.ceil(bytes / 1448),
  completed: end === 'completed',
  end,
  detail: `it ${end}`,
})
const small = step('small', 355, 'completed')
const postQuantum = step('post_quantum', 1541, 'completed')

const stories: [name: string, steps: LadderStep[], outcome: string | undefined, warns: boolean][] = [
  ['every rung completes', [small, postQuantum, step('large', 5600, 'completed')], undefined, false],
  ['only the small one was tried', [small], undefined, false],
  ['the post-quantum hello stalls', [small, step('post_quantum', 1541, 'stalled')], 'tls_stalled', false],
  ['the post-quantum hello is met with a close', [small, step('post_quantum', 1541, 'closed')], 'tls_reset', false],
  ['the post-quantum hello is met with silence', [small, step('post_quantum', 1541, 'silent')], 'tls_timeout', false],
  ['the server refuses it with an alert: it arrived', [small, step('post_quantum', 1541, 'refused')], undefined, false],
  ['the large hello stalls: rare, a warning', [small, postQuantum, step('large', 5600, 'stalled')], undefined, true],
  ['the large hello is met with a close', [small, postQuantum, step('large', 5600, 'closed')], undefined, true],
  ['the large hello is refused', [small, postQuantum, step('large', 5600, 'refused')], undefined, false],
]

for (const [name, steps, outcome, warns] of stories)
  t.test(`judged: ${name}: ${outcome ?? (warns ? 'a warning' : 'nothing')}`, async t => {
    const judged = judgeLadder(steps)
    t.equal(judged.outcome && word(judged.outcome), outcome)
    t.same(
      judged.warnings.map(({ code }) => code),
      warns ? ['large_client_hello_stalls'] : [],
    )
    for (const said of [judged.outcome, ...judged.warnings]) if (said) t.match(said, { detail: /one of 355 bytes does: it / })
  })

const authority = await makeAuthority({ name: 'test root' })

for (const host of ['127.0.0.1', '::1'])
  t.test(`${host}: on a good path every rung completes, each larger than the one before`, async t => {
    const server = await started(t, tlsServers['big chain']({ authority }, { host }))
    const { outcome, measured, warnings } = await run('tls', targetOf(server), { ca: authority.certPem, ladder: true })
    t.same(outcome, { kind: 'ok' })
    t.same(warnings, [])
    t.same(
      measured.ladder?.map(({ hello, completed, end }) => [hello, completed, end]),
      [
        ['small', true, 'completed'],
        ['post_quantum', true, 'completed'],
        ['large', true, 'completed'],
      ],
    )
    const [first, second, third] = measured.ladder!.map(({ bytes }) => bytes)
    t.ok(first! < 600 && second! > first! + 1100 && third! > second! + 3000, `${first}, ${second}, ${third} bytes`)
  })

t.test('the ladder is climbed although the certificate is bad, and its verdict stands', async t => {
  const server = await started(t, tlsServers.expired({ authority }))
  const { outcome, measured } = await run('tls', targetOf(server), { ca: authority.certPem, ladder: true })
  t.equal(word(outcome), 'certificate_expired')
  t.equal(measured.ladder?.length, 3)
})

t.test('without a handshake there is no ladder, nor when nobody asked for it', async t => {
  const refusing = await started(t, tlsServers['only a cipher that nobody has']({ authority }))
  t.equal((await run('tls', targetOf(refusing), { ladder: true })).measured.ladder, undefined)
  const server = await started(t, tlsServers.healthy({ authority }))
  t.equal((await run('tls', targetOf(server), { ca: authority.certPem })).measured.ladder, undefined)
  t.equal(server.connections(), 1)
})

t.test('a server that does not know the post-quantum group completes all the same', async t => {
  const server = await started(t, tlsServers['small EC chain']({ authority }))
  const { measured } = await run('tls', targetOf(server), { ca: authority.certPem, ladder: true })
  t.ok(measured.ladder?.every(({ completed }) => completed))
})
