import t, { type Test } from 'tap'
import { diagnose } from '../../../judge/diagnose/diagnose.ts'
import type { Diagnosis } from '../../../wire/causes.ts'
import type { MtuMeasured, SweepStep } from '../../../wire/measured.ts'
import type { AnyResult, Target } from '../../../wire/result.ts'
import * as seen from './seen.ts'

const { fail, fits, hole, ladder, mtu, stalled, tls } = seen

const only = (t: Test, results: AnyResult[]): Diagnosis => {
  const found = diagnose(results, { startedAt: seen.startedAt })
  t.equal(found.length, 1, 'one diagnosis')
  return found[0]!
}

const holed = (measured: Partial<MtuMeasured>, target?: Target) => mtu({ outcome: fail('mtu_black_hole'), measured, target })
const tried = (direction: SweepStep['direction'], packet: number, passed: boolean): SweepStep => ({ direction, packet, passed, detail: '' })

t.test('a reverse black hole gives its size, the clamp and where to set it', async t => {
  const steps = [tried('reverse', 1380, true), tried('reverse', 1381, false), tried('reverse', 1500, false)]
  const found = only(t, ladder(holed({ reverse: hole(1380), recommendedMss: 1340, steps }), stalled()))
  t.match(found, { cause: 'path_mtu_black_hole', layer: 'path', direction: 'reverse', confidence: 'certain' })
  t.equal(
    found.summary,
    'Packets above 1380 bytes from payments.azure.example to here vanish without a packet-too-big message, so TLS hangs although ping and TCP connect work.',
  )
  const commands = found.fixes.map(({ command }) => command)
  t.ok(commands.includes('nft add rule inet filter forward tcp flags syn tcp option maxseg size set 1340'))
  t.ok(commands.includes('iptables -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1340'))
  t.ok(commands.includes('ip route replace 10.20.0.5/32 via GATEWAY mtu 1380 advmss 1340'))
  t.ok(commands.includes('gcloud compute networks update NETWORK --mtu=1380'))
  t.match(found.evidence.join('\n'), /packets of 1380 bytes pass, of 1381 are lost, in 3 TLS connections/)
  t.match(found.evidence.join('\n'), /small echoes pass without loss: 5 of 5/)
  t.match(found.against.join('\n'), /a proxy ends TCP at 10.20.0.5:15443/)
  t.equal(found.next, 'probe run mtu://payments.azure.example:15443 --evidence mtu.json')
})

t.test('a forward black hole does not blame the endpoint', async t => {
  const found = only(
    t,
    ladder(holed({ forward: hole(1420), recommendedMss: 1380 }), stalled({ direction: 'forward', flight: 'client_hello' })),
  )
  t.match(found, { direction: 'forward', summary: /^Packets above 1420 bytes from here to payments.azure.example vanish/ })
  t.notMatch(found.against.join('\n'), /proxy/)
})

t.test('both directions are one diagnosis with both sizes', async t => {
  const found = only(t, ladder(holed({ forward: hole(1420), reverse: hole(1380), recommendedMss: 1340 }), stalled()))
  t.match(found, { direction: 'both', summary: /^Packets above 1420 bytes to payments.azure.example and above 1380 bytes from it vanish/ })
})

t.test('the same size both ways is said once', async t => {
  const found = only(t, ladder(holed({ forward: hole(1380), reverse: hole(1380), recommendedMss: 1340 }), stalled()))
  t.match(found.summary, /^Packets above 1380 bytes between here and payments.azure.example, both ways, vanish/)
})

t.test('IPv6 takes 60 bytes of headers and its own commands', async t => {
  const found = only(t, [
    holed({ reverse: hole(1400), recommendedMss: 1340 }, seen.target6),
    tls({ outcome: fail('tls_stalled'), target: seen.target6 }),
  ])
  const commands = found.fixes.map(({ command }) => command).join('\n')
  t.match(commands, /ip6tables -t mangle/)
  t.match(commands, /ip -6 route replace fd00::5\/128 via GATEWAY mtu 1400 advmss 1340/)
  t.match(commands, /icmpv6 type packet-too-big/)
})

t.test('a hole one byte wide is named as such', async t => {
  const found = only(t, ladder(holed({ localMtu: 1423, forward: hole(1422, { tcpPacket: 1423, method: 'icmp' }), recommendedMss: 1382 })))
  t.match(found.evidence.join('\n'), /path MTU 1422 bytes.*TCP sends up to 1423 bytes, so a hole one byte wide/)
  t.match(found.summary, /so large transfers hang although ping, TCP connect and small TLS handshakes work/)
})

t.test('a signal that reaches one side only is said to be lost on the other', async t => {
  const forward = fits(1380, { signal: 'packet_too_big', signalFrom: '10.1.0.1', signalMtu: 1380, atLeast: false })
  const found = only(t, ladder(holed({ forward, reverse: hole(1380), recommendedMss: 1340 }), stalled()))
  t.match(found.summary, /the message is lost on payments.azure.example's side, while our side gets it from 10.1.0.1\.$/)
  t.match(found.evidence.join('\n'), /forward: 10.1.0.1 answers too large packets with packet-too-big, MTU 1380/)
})

t.test('a signal that is lost on our side is said so', async t => {
  const reverse = fits(1380, { signal: 'packet_too_big', signalFrom: '10.2.0.1' })
  const found = only(t, ladder(holed({ forward: hole(1380), reverse, recommendedMss: 1340 }), stalled({ direction: 'forward' })))
  t.match(found.summary, /the message is lost on our side, while payments.azure.example's side gets it from 10.2.0.1/)
})

t.test('a packet-too-big that promises too much is no excuse', async t => {
  const forward = hole(1394, { signal: 'packet_too_big', signalFrom: '10.1.0.1', signalMtu: 1395 })
  const found = only(t, ladder(holed({ forward, recommendedMss: 1354 })))
  t.match(found.summary, /vanish, although packet-too-big messages that allow 1395 bytes come/)
})

t.test('loss beside a hole is named against it, and as its own cause', async t => {
  const results = ladder(seen.lossy(0.03, { warns: [['packet_loss']] }), holed({ reverse: hole(1380), recommendedMss: 1340 }), stalled())
  const found = diagnose(results, { startedAt: seen.startedAt })
  t.strictSame(
    found.map(({ cause }) => cause),
    ['path_mtu_black_hole', 'packet_loss'],
  )
  t.match(found[0]!.against.join('\n'), /loss of 3 % of small echoes was seen too/)
})

t.test('heavy loss makes a hole likely at most', async t => {
  const results = ladder(seen.lossy(0.3, { outcome: fail('packet_loss') }), holed({ reverse: hole(1380), recommendedMss: 1340 }), stalled())
  t.match(diagnose(results, { startedAt: seen.startedAt }), [
    { cause: 'packet_loss', confidence: 'certain' },
    { cause: 'path_mtu_black_hole', confidence: 'likely' },
  ])
})

t.test('a hole behind silent ICMP rests on TCP alone, and says so', async t => {
  const results = ladder(seen.silent(), holed({ reverse: hole(1380), recommendedMss: 1340, echoMtu: null }), stalled())
  const found = diagnose(results, { startedAt: seen.startedAt }).find(({ cause }) => cause === 'path_mtu_black_hole')
  t.match(found?.summary, /although TCP connect works/)
  t.match(found?.against.join('\n'), /the sizes rest on TCP alone/)
})

t.test('a hole above what TCP sends in that direction is a fact', async t => {
  const jumbo = mtu({ measured: { localMtu: 9001, forward: fits(1500, { tcpPacket: 1500, atLeast: false }), facts: ['9001 → 1500'] } })
  t.strictSame(diagnose(ladder(jumbo), { startedAt: seen.startedAt }), [])
})

t.test('reverse hole with forward clamped: nobody clamps the SYNs that leave our side', async t => {
  const measured = { forward: fits(1380, { clamped: true, tcpPacket: 1380 }), reverse: hole(1380), recommendedMss: 1340 }
  const found = only(t, ladder(holed(measured), stalled()))
  t.match(found, { cause: 'mss_not_clamped', direction: 'reverse', confidence: 'certain' })
  t.match(
    found.summary,
    /^The gateway on our side does not clamp the MSS, the one on payments.azure.example's side does: packets above 1380 bytes/,
  )
  t.match(found.evidence[0], /nobody clamps the SYNs that leave our side: they allow MSS 1460/)
  t.match(found.fixes[0], { where: /on our side$/, command: /size set 1340/ })
})

t.test('forward hole with reverse clamped: the other side lacks the clamp', async t => {
  const measured = { reverse: fits(1380, { clamped: true, tcpPacket: 1380 }), forward: hole(1380), recommendedMss: 1340 }
  const found = only(t, ladder(holed(measured), stalled({ direction: 'forward' })))
  t.match(found, { cause: 'mss_not_clamped', direction: 'forward' })
  t.match(found.summary, /^The gateway on payments.azure.example's side does not clamp the MSS, the one on our side does/)
})

t.test('both directions clamped need no diagnosis', async t => {
  const clamped = fits(1380, { clamped: true, tcpPacket: 1380, atLeast: false })
  t.strictSame(diagnose(ladder(mtu({ measured: { forward: clamped, reverse: clamped } })), { startedAt: seen.startedAt }), [])
})
