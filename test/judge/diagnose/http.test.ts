import t from 'tap'
import { diagnose } from '../../../judge/diagnose/diagnose.ts'
import { fail, http, startedAt } from './seen.ts'

const only = (result: ReturnType<typeof http>) => diagnose([result], { startedAt })

t.test('a request that is acknowledged and not answered waits for the service', async t => {
  const found = only(http({ outcome: fail('http_timeout'), measured: { status: null, firstByteMs: null, serverMs: null } }))
  t.match(found, [{ cause: 'service_slow', layer: 'http', confidence: 'likely', against: [/a proxy in between/] }])
  t.equal(found.length, 1)
})

t.test('a request that was sent again and again waits for the network', async t => {
  for (const measured of [{ requestAcked: false }, { retransmits: 4 }])
    t.match(only(http({ outcome: fail('http_timeout'), measured })), [{ cause: 'packet_loss', layer: 'reach', confidence: 'likely' }])
})

t.test('without TCP_INFO it may be either', async t => {
  const measured = { requestAcked: null, retransmits: null }
  t.match(only(http({ outcome: fail('http_timeout'), measured })), [{ cause: 'service_slow', confidence: 'possible' }])
})

t.test('503 is a proxy without its service, and says what the service itself counts', async t => {
  const found = only(http({ outcome: fail('http_status'), measured: { status: 503 } }))
  t.match(found, [
    { cause: 'http_wrong_answer', layer: 'http', confidence: 'certain', summary: /a proxy is reached and the service behind it is not/ },
  ])
  t.ok(found[0]?.evidence.some(fact => /counts 2 ms for db/.test(fact)))
})

t.test('a wrong body is the service, and its trace can be looked up', async t => {
  const [found] = only(http({ outcome: fail('http_body') }))
  t.equal(found?.cause, 'http_wrong_answer')
  t.match(found?.fixes[0]?.command, /traces\/4bf92f3577b34da6a3ce929d0e0e4736$/)
})

t.test('a trace id that is none gets into no command', async t => {
  const [found] = only(http({ outcome: fail('http_body'), measured: { traceId: '$(reboot)' } }))
  t.notMatch(JSON.stringify(found?.fixes), /reboot/)
})
