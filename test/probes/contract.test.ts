import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import type { Resolved } from '../../probes/finding.ts'
import { probes, runProbe } from '../../probes/index.ts'
import { type Options, optionSchemas, withDefaults } from '../../wire/options.ts'
import { failReasons, unmeasuredReasons, warningTexts } from '../../wire/reasons.ts'
import { type AnyResult, type Kind, kinds, type Result } from '../../wire/result.ts'
import { makeAuthority } from '../servers/authority.ts'
import { startDns } from '../servers/dns-server.ts'
import { tcpServers } from '../servers/tcp-servers.ts'
import { tlsServers } from '../servers/tls-servers.ts'
import { startFullBacklog } from './full-backlog.ts'
import { leaked, openHandles } from './handles.ts'
import { needsPing } from './needs-ping.ts'
import { startServersApart } from './servers-apart.ts'
import { addressOf, run, started, targetOf, word } from './targets.ts'

/** Time that a run may take beyond its timeout on a busy machine. */
const marginMs = 2000
const skips: Partial<Record<Kind, false | string>> = { icmp: needsPing, mtu: needsPing }

const apart = await startServersApart(t, [
  { kind: 'tls', variant: 'healthy' },
  { kind: 'tls', variant: 'healthy', host: '::1' },
  { kind: 'tcp', variant: 'accepts and says nothing' },
  { kind: 'dns', records: { 'svc.test': ['127.0.0.1'] } },
  { kind: 'dns', mode: 'silent' },
  { kind: 'tcp', variant: 'plaintext http' },
  { kind: 'tcp', variant: 'one byte a second' },
  { kind: 'tcp', variant: 'endless garbage' },
  { kind: 'tcp', variant: 'resets at once' },
  { kind: 'responder' },
])
type At = { host: string; port: number }
const [healthy, healthy6, hung, resolver, silentResolver, plaintext] = apart.servers as unknown as [At, At, At, At, At, At]
const responder = apart.servers.at(-1)!
const unanswered = startFullBacklog()
t.teardown(() => unanswered.close())
/** What is open while nothing runs. */
const before = openHandles()

/** A token that opens a cluster, so that it is shown to nobody: the run ends with what can be told of it here. */
const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const issuer = `http://127.0.0.1:${plaintext.port}`
const claims = { iss: issuer, sub: 'system:serviceaccount:ml:predictor', aud: [issuer], exp: Math.floor(Date.now() / 1000) + 3600 }
const directory = mkdtempSync(join(tmpdir(), 'causeway-'))
t.teardown(() => rmSync(directory, { recursive: true }))
writeFileSync(join(directory, 'token'), `${part({ alg: 'RS256' })}.${part(claims)}.AAAA`)
const roleArn = 'arn:aws:iam::111122223333:role/predictor'

type Case<K extends Kind> = { target: Resolved; options: Partial<Options[K]> }
type Cases = { [K in Kind]: Case<K> }

/** Runs that end by themselves, and how. */
const brief: { [K in Kind]: Case<K> & { ends: string } } = {
  bundle: { target: targetOf(plaintext), options: { ca: apart.caPem }, ends: 'not_tls' },
  dns: { target: targetOf(healthy), options: { resolvers: [`${resolver.host}:${resolver.port}`] }, ends: 'ok' },
  federation: {
    target: { host: 'aws' } as Resolved,
    options: { roleArn, tokenFile: join(directory, 'token') },
    ends: 'audience_mismatch',
  },
  http: { target: targetOf(plaintext), options: { scheme: 'http', expectBody: 'hello' }, ends: 'ok' },
  icmp: { target: addressOf('127.0.0.1'), options: { count: 3, intervalMs: 1 }, ends: 'ok' },
  mtls: { target: targetOf(healthy), options: {}, ends: 'no_spiffe_id' },
  mtu: { target: targetOf(healthy), options: {}, ends: 'ok' },
  tcp: { target: targetOf(healthy), options: { payloadBytes: 10_000 }, ends: 'ok' },
  tls: { target: targetOf(healthy), options: { ca: apart.caPem, ladder: true }, ends: 'ok' },
  trace: { target: addressOf('127.0.0.1'), options: {}, ends: 'ok' },
  udp: { target: targetOf(responder), options: { count: 8, intervalMs: 1 }, ends: 'ok' },
}

/** Runs that only end because something ends them. */
const endless: Cases = {
  bundle: { target: targetOf(hung), options: {} },
  dns: { target: targetOf(healthy), options: { resolvers: [`${silentResolver.host}:${silentResolver.port}`] } },
  federation: { target: { host: 'aws' } as Resolved, options: { roleArn, tokenFrom: 'url', tokenUrl: `http://127.0.0.1:${hung.port}/` } },
  http: { target: targetOf(hung), options: { scheme: 'http' } },
  icmp: { target: addressOf('127.0.0.1'), options: { count: 100_000, intervalMs: 20 } },
  mtls: { target: targetOf(hung), options: {} },
  mtu: { target: targetOf(hung), options: {} },
  tcp: { target: targetOf(unanswered), options: {} },
  tls: { target: targetOf(hung), options: {} },
  // One packet a second to a target that is there at once: nine more to send.
  trace: { target: addressOf('127.0.0.1'), options: { queries: 10, intervalMs: 1000 } },
  udp: { target: targetOf(responder), options: { count: 100_000, intervalMs: 20 } },
}

const within = (text: string, from: number): boolean => Date.parse(text) >= from - 1 && Date.parse(text) <= Date.now()
const isKnown = ({ outcome }: Pick<AnyResult, 'outcome'>): boolean =>
  outcome.kind === 'ok' || (outcome.detail !== '' && [...failReasons, ...unmeasuredReasons].includes(outcome.reason as never))

t.test('there is a probe for every kind, and options for it', async t => {
  t.same(new Set(Object.keys(probes)), new Set(kinds))
  t.same(new Set(Object.keys(optionSchemas)), new Set(kinds))
})

for (const kind of kinds) {
  const skip = skips[kind] ?? false
  /** The table's row for a kind that is only known here as one of them. */
  const runCase = (cases: Cases, more: { timeoutMs?: number } = {}, stop?: AbortSignal): Promise<Result> =>
    run(kind, cases[kind].target, { ...cases[kind].options, ...more } as never, stop)

  t.test(`${kind}: a result has its shape, and nothing is left open`, { skip }, async t => {
    const from = Date.now()
    const result = await runCase(brief)
    t.same(await leaked(before), [])
    t.equal(word(result.outcome), brief[kind].ends)
    t.same(
      new Set(Object.keys(result)),
      new Set(['kind', 'measured', 'outcome', 'phasesMs', 'startedAt', 'target', 'violations', 'warnings']),
    )
    t.equal(result.kind, kind)
    t.same(result.target, brief[kind].target)
    t.match(result.startedAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    t.ok(within(result.startedAt, from), result.startedAt)
    const phases = Object.values(result.phasesMs)
    t.ok('total' in result.phasesMs && phases.every(ms => Number.isFinite(ms) && ms >= 0), JSON.stringify(result.phasesMs))
    t.ok(result.warnings.every(warning => warning.code in warningTexts))
    t.same(JSON.parse(JSON.stringify(result)), result, 'it is plain data')
  })

  t.test(`${kind}: stopped before it starts, it is aborted, whatever the reason, and at once`, { skip }, async t => {
    for (const stop of [
      AbortSignal.abort(),
      AbortSignal.abort('enough'),
      AbortSignal.abort(new DOMException('the caller is late', 'TimeoutError')),
    ]) {
      const result = await runCase(endless, { timeoutMs: 5000 }, stop)
      t.match(result.outcome, { kind: 'unmeasured', reason: 'aborted' })
      t.ok(result.phasesMs['total']! < 2500, `${result.phasesMs['total']} ms`)
    }
    t.same(await leaked(before), [])
  })

  t.test(`${kind}: stopped midway, it is aborted soon after, and nothing is left open`, { skip }, async t => {
    for (const afterMs of [1, 40, 150]) {
      const result = await runCase(endless, { timeoutMs: 10_000 }, AbortSignal.timeout(afterMs))
      t.match(result.outcome, { kind: 'unmeasured', reason: 'aborted' }, `after ${afterMs} ms`)
      t.ok(result.phasesMs['total']! < afterMs + marginMs, `${result.phasesMs['total']} ms`)
    }
    t.same(await leaked(before), [])
  })

  t.test(`${kind}: its timeout ends it, within a margin, and nothing is left open`, { skip }, async t => {
    const timeoutMs = 300
    const { outcome, phasesMs } = await runCase(endless, { timeoutMs })
    t.ok(phasesMs['total']! >= timeoutMs - 5 && phasesMs['total']! < timeoutMs + marginMs, `${phasesMs['total']} ms`)
    t.not(word(outcome), 'aborted', 'nobody stopped it')
    t.not(word(outcome), 'internal')
    t.same(await leaked(before), [])
  })

  t.test(`${kind}: nothing is written to the target or to the options`, { skip }, async t => {
    const target = Object.freeze({ ...brief[kind].target })
    const options = freezeAll(structuredClone(brief[kind].options))
    freezeAll(optionSchemas[kind])
    const text = JSON.stringify([target, options])
    t.equal(word((await run(kind, target, options as never)).outcome), brief[kind].ends)
    t.equal(JSON.stringify([target, options]), text)
    t.ok(Object.isFrozen(withDefaults(kind, options as never)))
  })

  t.test(`${kind}: many runs at once do not disturb one another`, { skip }, async t => {
    const stop = new AbortController()
    const warned: Error[] = []
    const onWarning = (warning: Error) => warned.push(warning)
    process.on('warning', onWarning)
    const slow = Array.from({ length: 10 }, () => runCase(endless, { timeoutMs: 10_000 }, stop.signal))
    const quick = await Promise.all(Array.from({ length: 20 }, () => runCase(brief, { timeoutMs: 5000 })))
    stop.abort()
    t.same([...new Set(quick.map(result => word(result.outcome)))], [brief[kind].ends])
    t.same([...new Set((await Promise.all(slow)).map(result => word(result.outcome)))], ['aborted'])
    t.same(await leaked(before), [])
    process.off('warning', onWarning)
    t.same(warned, [])
  })
}

function freezeAll<T>(value: T): T {
  if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) freezeAll(inner)
  return Object.freeze(value)
}

t.test('a run that is stopped before it starts sends nothing', async t => {
  const authority = await makeAuthority({ name: 'test root' })
  const tls = await started(t, tlsServers.healthy({ authority }))
  const tcp = await started(t, tcpServers.sink())
  const dns = await started(t, startDns({ records: { 'svc.test': ['127.0.0.1'] } }))
  const stopped = AbortSignal.abort()
  const resolvers = [`${dns.host}:${dns.port}`]
  await run('tls', targetOf(tls), { ladder: true }, stopped)
  await run('mtu', targetOf(tls), {}, stopped)
  await run('tcp', targetOf(tcp), {}, stopped)
  await run('tcp', targetOf(tcp), { payloadBytes: 1000, control: true }, stopped)
  await run('dns', targetOf(tls), { resolvers }, stopped)
  const { measured } = await run('icmp', addressOf('127.0.0.1'), {}, stopped)
  t.equal(measured.sent, 0)
  // What is sent now arrives after all that was sent before.
  await run('tls', targetOf(tls))
  await run('tcp', targetOf(tcp), { payloadBytes: 1 })
  await run('dns', targetOf(tls), { resolvers })
  t.equal(tls.connections(), 1)
  t.equal(tcp.connections(), 1)
  t.equal(dns.queries(), 1)
})

t.test('no run rejects, or takes longer than it may, or leaves anything, however odd what it is given', { skip: needsPing }, async t => {
  const ports = [...apart.servers.map(server => server.port), unanswered.port, 1]
  const odd = fc.oneof(
    fc.constantFrom(
      '',
      ' ',
      'svc.test',
      'SVC.TEST.',
      '127.0.0.1',
      '::1',
      '[::1]',
      'a\0b',
      'ünï.test',
      '*',
      '-',
      '..',
      'x'.repeat(300),
      apart.caPem,
    ),
    fc.string({ maxLength: 20 }),
    fc.string({ unit: 'binary', maxLength: 20 }),
  )
  const target = fc.record({
    host: odd,
    address: fc.constantFrom('127.0.0.1', '::1', '127.0.0.77', '::ffff:127.0.0.1'),
    port: fc.oneof(fc.constantFrom(...ports), fc.constantFrom(undefined, 0, 65_535)),
  })
  const small = { timeoutMs: fc.integer({ min: 10, max: 120 }) }
  const names = {
    sni: odd,
    alpn: fc.array(
      odd.filter(text => text.length > 0),
      { maxLength: 3 },
    ),
    source: fc.constantFrom('127.0.0.1', '::1', 'nonsense', '198.51.100.1'),
  }
  const options: { [K in Kind]: fc.Arbitrary<Partial<Options[K]>> } = {
    bundle: fc.record(
      {
        ...small,
        source: names.source,
        sni: odd,
        ca: odd,
        path: odd,
        profile: fc.constantFrom('https_web' as const, 'https_spiffe' as const),
        endpointId: odd,
        trustDomain: odd,
        bundles: fc.dictionary(odd, odd, { maxKeys: 2 }),
      },
      { requiredKeys: ['timeoutMs'] },
    ),
    http: fc.record(
      {
        ...small,
        ...names,
        ca: odd,
        cert: odd,
        key: odd,
        scheme: fc.constantFrom('http' as const, 'https' as const),
        method: fc.constantFrom('GET' as const, 'HEAD' as const, 'POST' as const),
        path: fc.oneof(odd, fc.constant('/')),
        headers: fc.dictionary(odd, odd, { maxKeys: 2 }),
        body: odd,
        expectStatus: fc.array(fc.oneof(odd, fc.constant('2xx')), { maxLength: 2 }),
        expectBody: odd,
        expectPattern: fc.oneof(odd, fc.constant('(a+)+$')),
        maxBodyBytes: fc.integer({ min: 0, max: 100_000 }),
        redirects: fc.integer({ min: 0, max: 3 }),
        grpcService: odd,
      },
      { requiredKeys: ['timeoutMs'] },
    ),
    federation: fc.record(
      {
        ...small,
        to: fc.constantFrom('aws' as const, 'azure' as const, 'gcp' as const),
        tokenFrom: fc.constantFrom('file' as const, 'url' as const, 'azure' as const),
        tokenFile: fc.oneof(odd, fc.constant(join(directory, 'token'))),
        tokenUrl: fc.constantFrom(...ports.slice(0, 9).map(port => `http://127.0.0.1:${port}/`)),
        environment: fc.record({
          AZURE_POD_IDENTITY_AUTHORITY_HOST: fc.constantFrom(...ports.slice(0, 9).map(port => `http://127.0.0.1:${port}`)),
        }),
        audience: odd,
        issuer: odd,
        subject: odd,
        roleArn: fc.constant(roleArn),
        tenantId: odd,
        clientId: odd,
        provider: odd,
        credentialsFile: odd,
        endpoint: fc.oneof(odd, fc.constant(issuer)),
        call: fc.constantFrom('s3' as const, 'url' as const),
        resource: odd,
        callUrl: fc.oneof(odd, fc.constant(issuer)),
      },
      { requiredKeys: ['timeoutMs', 'to', 'tokenFrom', 'environment'] },
    ),
    mtls: fc.record(
      { ...small, ...names, certFile: odd, keyFile: odd, caFile: odd, expectId: odd, expectTrustDomain: odd, negative: fc.boolean() },
      { requiredKeys: ['timeoutMs'] },
    ),
    dns: fc.record(
      {
        ...small,
        family: fc.constantFrom(4 as const, 6 as const),
        resolvers: fc.array(fc.oneof(odd, fc.constant(`127.0.0.1:${resolver.port}`)), { minLength: 1, maxLength: 3 }),
        expect: fc.array(odd, { maxLength: 2 }),
      },
      { requiredKeys: ['timeoutMs', 'resolvers'] },
    ),
    icmp: fc.record(
      {
        ...small,
        source: names.source,
        count: fc.integer({ min: 1, max: 300 }),
        intervalMs: fc.double({ min: 0, max: 20, noNaN: true }),
        sizeBytes: fc.integer({ min: 16, max: 65_000 }),
        replyTimeoutMs: fc.integer({ min: 1, max: 50 }),
        maxLoss: fc.double({ min: 0, max: 1, noNaN: true }),
      },
      { requiredKeys: ['timeoutMs'] },
    ),
    mtu: fc.record(
      { ...small, ...names, maxSteps: fc.integer({ min: 0, max: 24 }), tries: fc.integer({ min: 1, max: 3 }) },
      { requiredKeys: ['timeoutMs'] },
    ),
    tcp: fc.record(
      { ...small, source: names.source, payloadBytes: fc.integer({ min: 0, max: 1_000_000 }), control: fc.boolean() },
      { requiredKeys: ['timeoutMs'] },
    ),
    udp: fc.record(
      {
        ...small,
        source: names.source,
        count: fc.integer({ min: 1, max: 300 }),
        intervalMs: fc.double({ min: 0.5, max: 20, noNaN: true }),
        sizeBytes: fc.integer({ min: 88, max: 1472 }),
        flows: fc.integer({ min: 1, max: 8 }),
        replyTimeoutMs: fc.integer({ min: 1, max: 50 }),
        expectAgent: odd,
      },
      { requiredKeys: ['timeoutMs'] },
    ),
    trace: fc.record(
      {
        ...small,
        source: names.source,
        protocol: fc.constantFrom('icmp' as const, 'udp' as const, 'tcp' as const),
        flows: fc.integer({ min: 1, max: 8 }),
        queries: fc.integer({ min: 1, max: 10 }),
        maxHops: fc.integer({ min: 1, max: 255 }),
        intervalMs: fc.double({ min: 0.1, max: 20, noNaN: true }),
        replyTimeoutMs: fc.integer({ min: 1, max: 50 }),
      },
      { requiredKeys: ['timeoutMs'] },
    ),
    tls: fc.record({ ...small, ...names, ca: odd, cert: odd, key: odd, ladder: fc.boolean() }, { requiredKeys: ['timeoutMs'] }),
  }
  const anyRun = fc
    .constantFrom(...kinds)
    .chain(kind => fc.tuple(fc.constant(kind), target, options[kind] as fc.Arbitrary<{ timeoutMs: number }>))
  await fc.assert(
    fc.asyncProperty(anyRun, async ([kind, { host, address, port }, given]) => {
      const at: Resolved = { host, address, family: address.includes(':') ? 6 : 4, ...(port === undefined ? {} : { port }) }
      const result = await runProbe(kind, at, given as never, new AbortController().signal)
      if (!isKnown(result as AnyResult)) throw new Error(`unknown outcome ${JSON.stringify(result.outcome)}`)
      if (word(result.outcome) === 'internal') throw new Error(JSON.stringify(result.outcome))
      if (result.phasesMs['total']! > given.timeoutMs + 2 * marginMs) throw new Error(`took ${result.phasesMs['total']} ms`)
      JSON.stringify(result)
    }),
    { numRuns: 100 },
  )
  t.same(await leaked(before), [])
})

t.test('IPv6 is as good as IPv4 for every kind', { skip: needsPing }, async t => {
  const target = targetOf(healthy6)
  for (const [kind, options] of [
    ['icmp', { count: 3, intervalMs: 1 }],
    ['mtu', {}],
    ['trace', {}],
    ['tcp', {}],
    ['tls', { ca: apart.caPem }],
  ] as const) {
    const result = await run(kind, target, options)
    t.same(result.outcome, { kind: 'ok' }, kind)
    t.match(result.target, { address: '::1', family: 6 })
  }
})
