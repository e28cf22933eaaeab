import t, { type Test } from 'tap'
import { judgeDns } from '../../probes/dns.ts'
import type { Resolved } from '../../probes/finding.ts'
import type { DnsAnswer, DnsMeasured } from '../../wire/measured.ts'
import { type Options, withDefaults } from '../../wire/options.ts'
import type { DnsMode, Records } from '../servers/dns-message.ts'
import { type DnsServer, startDns } from '../servers/dns-server.ts'
import { leaked, openHandles } from './handles.ts'
import { run, started, word } from './targets.ts'

const records: Records = { 'svc.test': ['10.2.0.2', '10.2.0.3', 'fd00::2'], 'six.test': ['fd00::6'], 'four.test': ['10.4.0.4'] }

/** The one kind of probe whose target has no address yet. */
const named = (host: string): Resolved => ({ host }) as Resolved
const at = ({ host, port }: { host: string; port: number }): string => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`)

async function resolver(t: Test, mode: DnsMode = 'answer', but: { records?: Records; host?: string } = {}): Promise<DnsServer> {
  return started(t, startDns({ records, mode, ...but }))
}

type Story = {
  name: string
  mode?: DnsMode
  host?: string
  ask?: string
  options?: Partial<Options['dns']>
  word: string
  measured?: Partial<DnsMeasured>
  queries?: number
  says?: RegExp
}

const stories: Story[] = [
  { name: 'a name with addresses', word: 'ok', measured: { recordType: 'A', addresses: ['10.2.0.2', '10.2.0.3'] }, queries: 1 },
  { name: 'a resolver at an IPv6 address', host: '::1', word: 'ok', measured: { addresses: ['10.2.0.2', '10.2.0.3'] } },
  { name: 'IPv6 asked for', options: { family: 6 }, word: 'ok', measured: { recordType: 'AAAA', addresses: ['fd00::2'] }, queries: 1 },
  {
    name: 'no IPv4: IPv6 is asked next',
    ask: 'six.test',
    word: 'ok',
    measured: { recordType: 'AAAA', addresses: ['fd00::6'] },
    queries: 2,
  },
  {
    name: 'no IPv4, and IPv4 alone asked for',
    ask: 'six.test',
    options: { family: 4 },
    word: 'dns_not_found',
    queries: 1,
    says: /ENODATA/,
  },
  { name: 'no IPv6, and IPv6 alone asked for', ask: 'four.test', options: { family: 6 }, word: 'dns_not_found', queries: 1 },
  { name: 'NXDOMAIN', ask: 'none.test', word: 'dns_not_found', says: /^none\.test: 127\.0\.0\.1:\d+: ENOTFOUND$/ },
  { name: 'NODATA', mode: 'NODATA', word: 'dns_not_found' },
  { name: 'SERVFAIL', mode: 'SERVFAIL', word: 'dns_server_failure', queries: 1, says: /ESERVFAIL/ },
  { name: 'REFUSED', mode: 'REFUSED', word: 'dns_server_failure', queries: 1, says: /EREFUSED/ },
  { name: 'garbage', mode: 'garbage', word: 'dns_server_failure', says: /EBADRESP/ },
  { name: 'silence', mode: 'silent', options: { timeoutMs: 200 }, word: 'dns_timeout', queries: 1, says: /no answer in time/ },
  { name: 'an answer to another question', mode: 'wrong id', options: { timeoutMs: 200 }, word: 'dns_timeout' },
  { name: 'an answer too large for UDP', mode: 'truncated', word: 'ok', measured: { addresses: ['10.2.0.2', '10.2.0.3'] }, queries: 2 },
  { name: 'the expected addresses', options: { expect: ['10.2.0.2', '10.2.0.3'] }, word: 'ok' },
  { name: 'the expected prefix', options: { expect: ['192.0.2.0/24', '10.2.0.0/16'] }, word: 'ok' },
  {
    name: 'one address that is not expected',
    options: { expect: ['10.2.0.2'] },
    word: 'dns_mismatch',
    says: /got 10\.2\.0\.3 from 127.*, want 10\.2\.0\.2$/,
  },
  { name: 'a prefix of the other family', options: { expect: ['::/0'] }, word: 'dns_mismatch' },
  { name: 'an expected IPv6 address in another spelling', options: { family: 6, expect: ['fd00:0::0002'] }, word: 'ok' },
  { name: 'an expectation that nobody can read', options: { expect: ['nonsense', '10.2.0.0/99'] }, word: 'dns_mismatch' },
]

for (const { name, mode, host, ask = 'svc.test', options = {}, word: want, measured, queries, says } of stories)
  t.test(`${name}: ${want}`, async t => {
    const server = await resolver(t, mode, host === undefined ? {} : { host })
    const before = openHandles()
    const result = await run('dns', named(ask), { resolvers: [at(server)], ...options })
    t.equal(word(result.outcome), want)
    if (says) t.match(result.outcome, { detail: says })
    t.match(result.measured, { name: ask, resolver: at(server), ...measured })
    if (want === 'ok') t.ok(result.measured.latencyMs! > 0 && result.phasesMs['resolve'] === result.measured.latencyMs)
    else if (want !== 'dns_mismatch') t.match(result.measured, { addresses: [], latencyMs: null })
    if (queries !== undefined) t.equal(server.queries(), queries)
    t.same(await leaked(before), [])
  })

t.test('two resolvers that agree, in whatever order', async t => {
  const one = await resolver(t)
  const two = await resolver(t, 'answer', { records: { 'svc.test': ['10.2.0.3', '10.2.0.2'] } })
  const { outcome, measured } = await run('dns', named('svc.test'), { resolvers: [at(one), at(two)] })
  t.same(outcome, { kind: 'ok' })
  t.same(
    measured.answers.map(({ resolver }) => resolver),
    [at(one), at(two)],
  )
})

t.test('two resolvers that disagree: the split is told', async t => {
  const inside = await resolver(t)
  const outside = await resolver(t, 'answer', { records: { 'svc.test': ['203.0.113.7'] } })
  const { outcome } = await run('dns', named('svc.test'), { resolvers: [at(inside), at(outside)] })
  t.match(outcome, { reason: 'dns_mismatch', detail: `${at(inside)} says 10.2.0.2 10.2.0.3, ${at(outside)} says 203.0.113.7` })
})

t.test('one of two resolvers is broken: it is named, and the answer of the other is there', async t => {
  const good = await resolver(t)
  const broken = await resolver(t, 'SERVFAIL')
  const { outcome, measured } = await run('dns', named('svc.test'), { resolvers: [at(broken), at(good)] })
  t.match(outcome, { reason: 'dns_server_failure', detail: `svc.test: ${at(broken)}: ESERVFAIL` })
  t.match(measured, {
    resolver: at(good),
    addresses: ['10.2.0.2', '10.2.0.3'],
    answers: [{ error: 'ESERVFAIL' }, { addresses: ['10.2.0.2', '10.2.0.3'] }],
  })
})

t.test('a silent resolver does not hold up what the other one says', async t => {
  const good = await resolver(t)
  const silent = await resolver(t, 'silent')
  const { outcome, measured, phasesMs } = await run('dns', named('svc.test'), { resolvers: [at(silent), at(good)], timeoutMs: 1000 })
  t.equal(word(outcome), 'dns_timeout')
  t.same(measured.addresses, ['10.2.0.2', '10.2.0.3'])
  t.ok(measured.latencyMs! < 900 && phasesMs['total']! < 5000)
})

t.test('nothing listens where the resolver should be', async t => {
  const gone = await resolver(t)
  await gone.close()
  t.match((await run('dns', named('svc.test'), { resolvers: [at(gone)] })).outcome, {
    kind: 'fail',
    reason: 'dns_server_failure',
    detail: /ECONNREFUSED, nothing listens on that port/,
  })
})

t.test('a resolver that is not an address is invalid configuration, and the others are named in vain', async t => {
  const server = await resolver(t)
  for (const bad of ['nonsense', 'dns.example', '', '127.0.0.1:70000', '[::1'])
    t.match(
      (await run('dns', named('svc.test'), { resolvers: [at(server), bad] })).outcome,
      { kind: 'unmeasured', reason: 'config_invalid', detail: `resolver ${bad}: want` },
      JSON.stringify(bad),
    )
})

t.test('addresses, and names of this machine, are resolved as the system does', async t => {
  for (const [host, addresses] of [
    ['127.0.0.1', ['127.0.0.1']],
    ['::1', ['::1']],
  ] as const) {
    const { outcome, measured } = await run('dns', named(host))
    t.same(outcome, { kind: 'ok' })
    t.match(measured, { resolver: 'system', addresses, recordType: host === '::1' ? 'AAAA' : 'A' })
  }
  const { measured } = await run('dns', named('localhost'), { family: 4 })
  t.same(measured.addresses, ['127.0.0.1'])
})

t.test('a run that is stopped cancels what it asked', async t => {
  const server = await resolver(t, 'silent')
  const before = openHandles()
  const stop = new AbortController()
  const running = run('dns', named('svc.test'), { resolvers: [at(server), at(server)] }, stop.signal)
  while (server.queries() < 2) await new Promise(resolve => setImmediate(resolve))
  stop.abort()
  t.match((await running).outcome, { kind: 'unmeasured', reason: 'aborted' })
  t.same(await leaked(before), [])
})

const answer = (resolver: string, but: Partial<DnsAnswer> = {}): DnsAnswer => ({ resolver, addresses: ['10.0.0.1'], latencyMs: 1, ...but })
const failed = (resolver: string, error: string, reason: string): DnsAnswer => answer(resolver, { addresses: [], error, reason })

const judged: [name: string, answers: DnsAnswer[], options: Partial<Options['dns']>, word: string, says?: RegExp][] = [
  ['the system answers', [answer('system')], {}, 'ok'],
  [
    'the system fails, and one of its resolvers is at fault',
    [failed('system', 'EAI_AGAIN', 'dns_server_failure'), answer('10.0.0.53'), failed('10.0.0.54', 'ETIMEOUT', 'dns_timeout')],
    {},
    'dns_server_failure',
    /: 10\.0\.0\.54: ETIMEOUT$/,
  ],
  [
    'the system fails, and its resolvers do not',
    [failed('system', 'ENOTFOUND', 'dns_not_found'), answer('10.0.0.53')],
    {},
    'dns_not_found',
    /system: ENOTFOUND/,
  ],
  [
    'the first that fails decides',
    [answer('a'), failed('b', 'ETIMEOUT', 'dns_timeout'), failed('c', 'ESERVFAIL', 'dns_server_failure')],
    { resolvers: ['a', 'b', 'c'] },
    'dns_timeout',
    /b: ETIMEOUT, c: ESERVFAIL/,
  ],
  [
    'an unexpected answer comes before disagreement',
    [answer('a'), answer('b', { addresses: ['10.0.0.2'] })],
    { resolvers: ['a', 'b'], expect: ['10.0.0.1'] },
    'dns_mismatch',
    /got 10\.0\.0\.2 from b/,
  ],
  [
    'both expected, and still not the same',
    [answer('a'), answer('b', { addresses: ['10.0.0.2'] })],
    { resolvers: ['a', 'b'], expect: ['10.0.0.0/24'] },
    'dns_mismatch',
    /disagree/,
  ],
]

for (const [name, answers, options, want, says] of judged)
  t.test(`judged: ${name}: ${want}`, async t => {
    const { outcome } = judgeDns(answers, 'svc.test', withDefaults('dns', options))
    t.equal(word(outcome), want)
    if (says) t.match(outcome, { detail: says })
  })
