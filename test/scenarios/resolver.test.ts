import t from 'tap'
import { type CloudPair, type PairOptions, startCloudPair } from '../lab/cloud-pair.ts'
import { needsNamespaces } from '../lab/needs-namespaces.ts'
import { probeFrom } from '../lab/probe-in.ts'
import type { ServerSpec } from '../servers/main.ts'

const skip = await needsNamespaces()
const name = 'payments.azure.example'
const service: ServerSpec = { kind: 'tls', variant: 'big chain', names: [name] }
const resolver = (port: number, address: string): ServerSpec => ({ kind: 'dns', port, records: { [name]: [address] } })

type Story = {
  name: string
  servers: ServerSpec[]
  network?: PairOptions
  resolvers: string[]
  words?: string[]
  reason: string
  confidence: string
  summary: RegExp
  evidence: RegExp
  next: string
}

const stories: Story[] = [
  {
    name: 'a resolver that says nothing',
    servers: [service, { kind: 'dns', port: 53, mode: 'silent' }],
    resolvers: ['10.2.0.2'],
    words: ['--timeout', '1s'],
    reason: 'dns_timeout',
    confidence: 'likely',
    summary: /^Resolver 10\.2\.0\.2 does not answer for payments\.azure\.example/,
    evidence: /^resolver 10\.2\.0\.2: no answer in time/,
    next: `probe run dns://${name} --timeout 1s --resolver 10.2.0.2`,
  },
  {
    name: 'a resolver where nothing listens',
    servers: [service],
    resolvers: ['10.2.0.2:5353'],
    reason: 'dns_server_failure',
    confidence: 'certain',
    summary: /^Resolver 10\.2\.0\.2:5353 refuses questions/,
    evidence: /^resolver 10\.2\.0\.2:5353: ECONNREFUSED/,
    next: `probe run dns://${name} --resolver 10.2.0.2:5353`,
  },
  {
    name: 'a resolver that has a fault of its own',
    servers: [service, { kind: 'dns', port: 53, mode: 'SERVFAIL' }],
    resolvers: ['10.2.0.2'],
    reason: 'dns_server_failure',
    confidence: 'certain',
    summary: /^Resolver 10\.2\.0\.2 answers with an error/,
    evidence: /^resolver 10\.2\.0\.2: ESERVFAIL/,
    next: `probe run dns://${name} --resolver 10.2.0.2`,
  },
  {
    name: 'a resolver whose private zone lacks the name',
    servers: [service, { kind: 'dns', port: 53, records: {} }],
    resolvers: ['10.2.0.2'],
    reason: 'dns_not_found',
    confidence: 'certain',
    summary: /^payments\.azure\.example has no address at resolver 10\.2\.0\.2/,
    evidence: /^resolver 10\.2\.0\.2: /,
    next: `probe run dns://${name} --resolver 10.2.0.2`,
  },
]

const run = (pair: CloudPair, resolvers: string[], words: string[] = []) =>
  probeFrom(pair, [`${name}:8443`, ...resolvers.flatMap(address => ['--resolver', address]), ...words])

for (const { name, servers, network, resolvers, words, reason, confidence, summary, evidence, next } of stories) {
  t.test(name, { skip }, async t => {
    await using pair = await startCloudPair({ ...network, servers })
    const seen = await run(pair, resolvers, words)
    t.equal(seen.status, 1)
    t.strictSame(seen.causes, ['dns_broken'])
    t.match(seen.result('dns').outcome, { kind: 'fail', reason })
    t.strictSame(seen.document.results.length, 1, 'without an address nothing else is tried')
    const found = seen.diagnosis('dns_broken')
    t.match(found, { layer: 'dns', confidence, summary, next })
    t.ok(
      found.evidence?.some(fact => evidence.test(fact)),
      String(evidence),
    )
  })
}

t.test('two clouds answer differently: names both resolvers and what they say', { skip }, async t => {
  await using pair = await startCloudPair({ servers: [service, resolver(53, '10.2.0.2'), resolver(5353, '203.0.113.9')] })
  const seen = await run(pair, ['10.2.0.2', '10.2.0.2:5353'])
  t.equal(seen.status, 1)
  t.strictSame(seen.causes, ['dns_broken'])
  t.match(seen.result('dns').outcome, { reason: 'dns_mismatch' })
  t.match(seen.diagnosis('dns_broken'), {
    summary: /10\.2\.0\.2 says 10\.2\.0\.2 and 10\.2\.0\.2:5353 says 203\.0\.113\.9/,
    evidence: [/./, /^resolver 10\.2\.0\.2: 10\.2\.0\.2 \(private\)/, /^resolver 10\.2\.0\.2:5353: 203\.0\.113\.9 \(public\)/],
  })
  t.match(seen.result('tls').outcome, { kind: 'ok' }, 'the address that came first is measured')
})

t.test('a private endpoint that resolves to a public address here', { skip }, async t => {
  await using pair = await startCloudPair({ servers: [service, resolver(53, '10.2.0.2')] })
  const seen = await run(pair, ['10.2.0.2'], ['--expect-address', '10.99.0.0/16'])
  t.equal(seen.status, 1)
  t.strictSame(seen.causes, ['dns_broken'])
  t.match(seen.diagnosis('dns_broken').summary, /another address than it should at resolver 10\.2\.0\.2/)
  t.match(seen.diagnosis('dns_broken').evidence?.[0], 'got 10.2.0.2 from 10.2.0.2, want 10.99.0.0/16')
})

t.test('resolvers that agree', { skip }, async t => {
  await using pair = await startCloudPair({ servers: [service, resolver(53, '10.2.0.2'), resolver(5353, '10.2.0.2')] })
  const seen = await run(pair, ['10.2.0.2', '10.2.0.2:5353'], ['--expect-address', '10.2.0.0/16'])
  t.equal(seen.status, 0)
  t.equal(seen.document.verdict, 'ok')
  t.strictSame(seen.causes, [])
  t.match(seen.result('dns').measured.answers, { length: 2 })
})
