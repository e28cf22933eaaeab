import t, { type Test } from 'tap'
import { diagnose } from '../../../judge/diagnose/diagnose.ts'
import type { Diagnosis } from '../../../wire/causes.ts'
import type { AnyResult } from '../../../wire/result.ts'
import * as seen from './seen.ts'

const { fail, hole, icmp, ladder, mtu, stall, stalled, step, tls, unmeasured } = seen

const only = (t: Test, results: AnyResult[]): Diagnosis => {
  const found = diagnose(results, { startedAt: seen.startedAt })
  t.equal(found.length, 1, 'one diagnosis')
  return found[0]!
}

const hellos = [
  step('small', 320, true),
  step('post_quantum', 1536, false, { stall: stall({ direction: 'forward', flight: 'client_hello', bytesAcked: 1448, retransmits: 4 }) }),
]
const bigHello = tls({ outcome: fail('tls_stalled'), measured: { ladder: hellos, stall: hellos[1]!.stall, bytesReceived: 0 } })

t.test('a ClientHello of two packets that does not pass where full-sized packets do is too big', async t => {
  const found = only(t, ladder(bigHello))
  t.match(found, { cause: 'handshake_too_big', direction: 'forward', confidence: 'certain' })
  t.match(found.summary, /^A ClientHello of 1536 bytes.*one of 320 bytes does/)
  t.ok(found.fixes.some(({ command }) => command === 'GODEBUG=tlsmlkem=0'))
})

t.test('with a forward black hole the same ladder is the hole', async t => {
  const found = only(t, ladder(mtu({ outcome: fail('mtu_black_hole'), measured: { forward: hole(1380), recommendedMss: 1340 } }), bigHello))
  t.equal(found.cause, 'path_mtu_black_hole')
})

t.test('without measured sizes a big ClientHello is likely at most', async t => {
  const unsized = mtu({ outcome: unmeasured('unsupported'), measured: { forward: hole(null, { blackHole: false, method: 'none' }) } })
  t.match(only(t, ladder(unsized, bigHello)), { cause: 'handshake_too_big', confidence: 'likely' })
})

t.test('a handshake that stalls before anyone measured sizes is possibly a black hole', async t => {
  const found = only(t, [icmp(), seen.tcp(), stalled({ direction: 'forward', retransmits: 4, bytesAcked: 0, unacked: 2 })])
  t.match(found, {
    cause: 'path_mtu_black_hole',
    confidence: 'possible',
    direction: 'forward',
    next: 'probe run mtu://payments.azure.example:15443',
  })
})

t.test('a handshake that stalls although all sizes pass is not called a black hole', async t => {
  t.not(only(t, ladder(stalled({ retransmits: 4 }))).cause, 'path_mtu_black_hole')
})

t.test('a handshake that stalls while small packets get lost is not called a black hole', async t => {
  const results = [seen.lossy(0.03, { warns: [['packet_loss']] }), seen.tcp(), stalled({ retransmits: 4 })]
  t.strictSame(
    diagnose(results, { startedAt: seen.startedAt }).map(({ cause }) => cause),
    ['packet_loss'],
  )
})

t.test('a long ClientHello that the peer answers with an alert did arrive', async t => {
  const refused = [hellos[0]!, step('post_quantum', 1536, false, { end: 'refused' })]
  t.strictSame(diagnose(ladder(tls({ measured: { ladder: refused } })), { startedAt: seen.startedAt }), [])
})

t.test('a long ClientHello at which the peer hangs up is likely too big, and perhaps for the server itself', async t => {
  const closed = [hellos[0]!, step('post_quantum', 1536, false, { end: 'closed' })]
  const found = only(t, ladder(tls({ outcome: fail('tls_reset'), measured: { ladder: closed } })))
  t.match(found, { cause: 'handshake_too_big', confidence: 'likely', against: [/the server itself may not take a long ClientHello/] })
})
