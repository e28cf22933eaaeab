import t from 'tap'
import { climb, isDoubtful, type LadderEvent } from '../../cli/ladder.ts'
import { parseRunWords } from '../../cli/run-options.ts'
import type { Kind } from '../../wire/result.ts'
import { blackHole, type Call, type Canned, engineOf, result } from './canned.ts'

const clock = { elapsedMs: () => 0 }

const run = async (target: string, canned: Canned = {}, flags: Record<string, string[]> = {}) => {
  const parsed = await parseRunWords({ targets: [target], flags }, [4, 6])
  if (!parsed.ok) throw new Error(parsed.problems.join('\n'))
  const calls: Call[] = []
  const events: LadderEvent[] = []
  const engine = engineOf(canned, { calls })
  const climbed = await climb(
    parsed.value.targets[0]!,
    parsed.value,
    engine,
    event => events.push(event),
    clock,
    new AbortController().signal,
  )
  return { ...climbed, calls, events, kinds: calls.map(({ kind }) => kind) }
}

const ladders: [name: string, target: string, kinds: Kind[], flags?: Record<string, string[]>][] = [
  ['a name with a port climbs the whole ladder', 'a:1', ['dns', 'tcp', 'icmp', 'mtu', 'tls']],
  ['an address is not looked up', '10.0.0.1:1', ['tcp', 'icmp', 'mtu', 'tls']],
  ['without a port there is nothing to connect to', '[::1]', ['icmp', 'mtu']],
  ['a scheme runs its kind after the look-up', 'tcp://a:1', ['dns', 'tcp']],
  ['a scheme runs nothing but its kind', 'tls://10.0.0.1:1', ['tls']],
  ['HTTP is one step, without the ladder below it', 'https://a/health', ['dns', 'http']],
  ['a look-up is the only step of dns', 'dns://a', ['dns']],
]

for (const [name, target, kinds, flags] of ladders) {
  t.test(name, async t => {
    const ran = await run(target, {}, flags)
    t.strictSame(new Set(ran.kinds), new Set(kinds))
    t.strictSame(
      ran.results.map(({ kind }) => kind),
      ['dns', 'icmp', 'mtu', 'tcp', 'tls', 'http'].filter(kind => kinds.includes(kind as Kind)),
    )
  })
}

t.test('all steps go to the one address that the name was resolved to', async t => {
  const { calls, target } = await run('a:1', { dns: result('dns', { addresses: ['fd00::2', 'fd00::3'], recordType: 'AAAA' }) })
  t.strictSame(target, { host: 'a', port: 1, address: 'fd00::2', family: 6 })
  for (const call of calls.slice(1)) t.strictSame(call.target, target)
})

t.test('a name without an address ends the climb', async t => {
  const { kinds, results } = await run('a:1', {
    dns: result('dns', { addresses: [] }, { outcome: { kind: 'fail', reason: 'dns_not_found', detail: 'NXDOMAIN' } }),
  })
  t.strictSame(kinds, ['dns'])
  t.equal(results.length, 1)
})

t.test('an unexpected address is measured all the same', async t => {
  const { kinds } = await run('a:1', {
    dns: result('dns', {}, { outcome: { kind: 'fail', reason: 'dns_mismatch', detail: 'got 10.2.0.2' } }),
  })
  t.ok(kinds.includes('tcp'))
})

t.test('without a connection there is no TLS step', async t => {
  const { results } = await run('10.0.0.1:1', {
    tcp: result('tcp', { synRttMs: null }, { outcome: { kind: 'fail', reason: 'tcp_refused', detail: 'RST' } }),
  })
  t.strictSame(
    results.map(({ kind }) => kind),
    ['icmp', 'mtu', 'tcp'],
  )
})

t.test('the ladder of ClientHello sizes is on unless it is refused', async t => {
  const { calls } = await run('10.0.0.1:1')
  t.match(calls.find(({ kind }) => kind === 'tls')?.options, { ladder: true })
  const refused = await run('10.0.0.1:1', {}, { 'no-ladder': ['true'] })
  t.match(refused.calls.find(({ kind }) => kind === 'tls')?.options, { ladder: false })
})

t.test('a final dot is not part of the server name', async t => {
  const { calls } = await run('a.example.:1')
  t.match(calls.find(({ kind }) => kind === 'tls')?.options, { sni: 'a.example' })
  const named = await run('a.example.:1', {}, { sni: ['b.example'] })
  t.match(named.calls.find(({ kind }) => kind === 'tls')?.options, { sni: 'b.example' })
})

const noReply = result('icmp', { received: 0, rttMs: null }, { outcome: { kind: 'fail', reason: 'no_reply', detail: 'no reply' } })
const reset = result('tls', {}, { outcome: { kind: 'fail', reason: 'tls_reset', detail: 'reset' } })

t.test('a doubtful connection is made once more, with ports on which nothing listens', async t => {
  const { calls } = await run('10.0.0.1:1', { tls: reset })
  const connects = calls.filter(({ kind }) => kind === 'tcp')
  t.strictSame(
    connects.map(({ options }) => options.control),
    [false, true],
  )
  t.ok((connects[1]!.options.timeoutMs as number) < 2000, 'and does not make people wait')
})

t.test('a connection asked for by name is made once', async t => {
  const { kinds } = await run('tcp://10.0.0.1:1')
  t.strictSame(kinds, ['tcp'])
})

t.test('a connection is doubtful when it is nearer than the echo, or when nobody behind it speaks TLS', async t => {
  const rtt = (min: number) => result('icmp', { rttMs: { min, p50: min, p95: min, p99: min, max: min, stddev: 0 } })
  const tcp = (synRttMs: number) => result('tcp', { synRttMs })
  t.ok(isDoubtful(tcp(0.1), rtt(35)))
  t.notOk(isDoubtful(tcp(34), rtt(35)))
  t.notOk(isDoubtful(tcp(0.1), rtt(0.9)), 'less than a millisecond apart is noise')
  t.ok(isDoubtful(tcp(35), noReply))
  t.ok(isDoubtful(tcp(35), rtt(35), reset))
  t.notOk(isDoubtful(tcp(35), rtt(35), blackHole.tls))
  t.notOk(isDoubtful(result('tcp', {}, { outcome: { kind: 'fail', reason: 'tcp_refused', detail: '' } }), noReply))
})

t.test('silent ICMP beside a working port is a warning, in the line as in the document', async t => {
  const { results, events } = await run('10.0.0.1:1', { icmp: noReply })
  t.match(results[0], { kind: 'icmp', outcome: { kind: 'ok' }, warnings: [{ code: 'icmp_filtered' }] })
  const told = events.filter(event => event.type === 'step' && event.result.kind === 'icmp')
  t.match(told, [{ result: { outcome: { kind: 'ok' } } }])
})

t.test('every result is final once', async t => {
  const { events } = await run('a:1', { tls: reset, icmp: noReply })
  const finals = events.flatMap(event => (event.type === 'final' ? [event.result.kind] : []))
  t.equal(finals.length, 5)
  t.strictSame(new Set(finals), new Set(['dns', 'icmp', 'mtu', 'tcp', 'tls']))
})

t.test('an HTTP request goes where its URL says', async t => {
  const optionsOf = async (target: string) => (await run(target)).calls.find(({ kind }) => kind === 'http')?.options
  t.match(await optionsOf('https://a.example.:8443/x?y=z'), { scheme: 'https', path: '/x?y=z', sni: 'a.example' })
  t.match(await optionsOf('http://10.0.0.1'), { scheme: 'http', path: '/' })
})
