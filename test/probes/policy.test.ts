import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import t from 'tap'
import { openBudget } from '../../agent/budget.ts'
import { allowBy, refuseRun } from '../../agent/gate.ts'
import { defaultPolicy, type Policy } from '../../judge/policy.ts'
import { parsePolicy } from '../../judge/policy-file.ts'
import type { Resolved } from '../../probes/finding.ts'
import { runProbe } from '../../probes/index.ts'
import { type Options, withDefaults } from '../../wire/options.ts'
import { type Kind, kinds } from '../../wire/result.ts'
import { tcpServers } from '../servers/tcp-servers.ts'
import { addressOf, started, targetOf, word } from './targets.ts'

const never = new AbortController().signal
const policyOf = (text: string): Policy => {
  const parsed = parsePolicy(text)
  if (!parsed.ok) throw new Error(parsed.problems.join('\n'))
  return parsed.value
}

/** What a controller that was taken over may send, by kind; nothing of it may reach a socket. */
const hostile: { [K in Kind]?: [what: string, target: Resolved, options: Partial<Options[K]>][] } = {
  dns: [
    ['a resolver that is the metadata service', { ...addressOf('10.0.0.1'), host: 'svc.test' }, { resolvers: ['169.254.169.254:80'] }],
    ['a resolver in IPv6 clothes', { ...addressOf('10.0.0.1'), host: 'svc.test' }, { resolvers: ['[::ffff:169.254.169.254]:80'] }],
    ['a resolver that is a name', { ...addressOf('10.0.0.1'), host: 'svc.test' }, { resolvers: ['metadata.google.internal'] }],
    ['a good resolver before a bad one', { ...addressOf('10.0.0.1'), host: 'svc.test' }, { resolvers: ['10.0.0.53', '127.0.0.1'] }],
  ],
  mtls: [['a Workload API elsewhere', at('10.0.0.1', 443), { workloadApi: 'tcp://169.254.169.254:80' }]],
  federation: ['169.254.169.254', '2852039166', '[::ffff:169.254.169.254]', '[fd00:ec2::254]', '127.0.0.1', '[::1]'].map(host => [
    `a token from ${host}`,
    at('10.0.0.1', 443),
    { to: 'aws', roleArn: 'arn:aws:iam::111122223333:role/r', tokenUrl: `http://${host}/token` },
  ]),
  bundle: [['a Workload API on loopback', at('10.0.0.1', 443), { workloadApi: 'tcp://[::1]:2379' }]],
}

function at(address: string, port: number): Resolved {
  return { ...addressOf(address), port }
}

const forbidden = [
  '169.254.169.254',
  '::ffff:169.254.169.254',
  '::ffff:a9fe:a9fe',
  '64:ff9b::169.254.169.254',
  '2002:a9fe:a9fe::1',
  'fd00:ec2::254',
  'fe80::1%lo',
  '127.0.0.1',
  '::1',
  '0.0.0.0',
  '224.0.0.1',
  'metadata.google.internal',
  '2852039166',
]

/** These are sent nowhere by their target: what they ask is named by options. */
const byOptions: readonly Kind[] = ['dns', 'federation']

for (const kind of kinds) {
  t.test(`${kind}: a hostile assignment is refused, in words, and at once`, async t => {
    const cases = [
      ...(byOptions.includes(kind) ? [] : forbidden.map(address => [address, at(address, 80), {}] as const)),
      ...(byOptions.includes(kind) ? [] : [['a source address', at('10.0.0.1', 80), { source: '10.0.0.2' }] as const]),
      ...(hostile[kind] ?? []),
    ]
    for (const [what, target, options] of cases) {
      const result = await runProbe(kind, target, options as never, never, { allow: allowBy(defaultPolicy) })
      t.match(result.outcome, { kind: 'unmeasured', reason: 'target_denied', detail: /local policy|not an address/ }, what)
      t.ok(result.phasesMs['total']! < 1000)
    }
  })

  if (!byOptions.includes(kind))
    t.test(`${kind}: another network than the policy allows is refused`, async t => {
      const allow = allowBy(policyOf('allow: [{ cidr: 10.0.0.0/8, ports: [443] }]'))
      const refused = kind === 'icmp' || kind === 'trace' ? [at('192.0.2.1', 443)] : [at('192.0.2.1', 443), at('10.0.0.1', 22)]
      for (const target of refused)
        t.equal(word((await runProbe(kind, target, {}, never, { allow })).outcome), 'target_denied', target.address)
    })
}

t.test('what is refused never reaches the wire, and what is allowed does', async t => {
  const server = await started(t, tcpServers.sink())
  const heard = createSocket('udp4')
  t.teardown(() => heard.close())
  heard.bind(0, '127.0.0.1')
  await once(heard, 'listening')
  let datagrams = 0
  heard.on('message', () => datagrams++)
  const refused = { allow: allowBy(defaultPolicy) }
  for (const kind of kinds) {
    const options =
      kind === 'dns'
        ? { resolvers: [`127.0.0.1:${heard.address().port}`] }
        : kind === 'federation'
          ? { to: 'aws', roleArn: 'arn:aws:iam::111122223333:role/r', tokenUrl: `http://127.0.0.1:${server.port}/token` }
          : {}
    const result = await runProbe(kind, targetOf(server), { timeoutMs: 500, ...options } as never, never, refused)
    t.equal(word(result.outcome), 'target_denied', kind)
  }
  const named = { allow: allowBy(policyOf(`allow: [{ cidr: 127.0.0.1, ports: [${server.port}] }]`)) }
  t.equal(word((await runProbe('tcp', targetOf(server), { timeoutMs: 2000 }, never, named)).outcome), 'ok')
  // The kernel connects before the server hears of it.
  while (server.connections() === 0) await new Promise(resolve => setImmediate(resolve))
  t.equal(server.connections(), 1)
  t.equal(datagrams, 0)
})

t.test('the ports that a TCP run asks besides are asked for too', async t => {
  const server = await started(t, tcpServers.sink())
  const asked: (number | undefined)[] = []
  const allow = ({ port }: { port?: number }): string | undefined => {
    asked.push(port)
    return port === server.port ? undefined : 'only that port'
  }
  const { outcome, measured } = await runProbe('tcp', targetOf(server), { timeoutMs: 2000, control: true }, never, { allow })
  t.equal(word(outcome), 'ok')
  t.same(measured.control, [], 'what was not tried is not reported as closed')
  t.same(asked, [server.port, 2, 48_919])
})

t.test('a run is asked for every address that it names, with its kind', async t => {
  const asked: unknown[] = []
  const allow = (dial: unknown): undefined => void asked.push(dial)
  await runProbe(
    'dns',
    { ...addressOf('10.0.0.1'), host: 'svc.test' },
    { resolvers: ['127.0.0.1:1', '[::1]:2', '::1'] },
    AbortSignal.abort(),
    {
      allow,
    },
  )
  t.same(asked, [
    { kind: 'dns', address: '127.0.0.1', port: 1 },
    { kind: 'dns', address: '::1', port: 2 },
    { kind: 'dns', address: '::1', port: 53 },
  ])
})

t.test('a trace is asked for with the port that its packets go to', async t => {
  const asked: unknown[] = []
  for (const [protocol, port] of [
    ['icmp', 7],
    ['udp', 7],
    ['udp', undefined],
    ['tcp', undefined],
  ] as const) {
    const target = { host: '192.0.2.1', address: '192.0.2.1', family: 4 as const, ...(port && { port }) }
    await runProbe('trace', target, { protocol }, never, { allow: dial => String(asked.push(dial)) })
  }
  const to = { kind: 'trace', address: '192.0.2.1' }
  t.same(asked, [to, { ...to, port: 7 }, { ...to, port: 33434 }, { ...to, port: 443 }])
})

const floods: { [K in Kind]?: Partial<Options[K]> } = {
  icmp: { count: 1_000_000, intervalMs: 0 },
  http: { maxBodyBytes: 16 * 2 ** 20, redirects: 20 },
  tcp: { payloadBytes: 100 * 2 ** 20 },
  trace: { flows: 32 },
  dns: { resolvers: Array.from({ length: 500 }, (_, i) => `10.0.0.${i % 250}`) },
}

for (const [kind, options] of Object.entries(floods) as [Kind, object][])
  t.test(`${kind}: a run that is a flood is refused before it starts`, async t => {
    const budget = openBudget(defaultPolicy.budgets, 0)
    const complete = withDefaults(kind, options as never)
    t.match(refuseRun({ policy: defaultPolicy, budget, nowMs: 0 }, { kind, options: complete, address: '10.0.0.1' }), /local policy allows/)
    t.equal(
      refuseRun({ policy: defaultPolicy, budget, nowMs: 0 }, { kind, options: withDefaults(kind, {}), address: '10.0.0.1' }),
      undefined,
    )
  })

t.test('more runs than the budget are refused, of whatever kind', async t => {
  const budget = openBudget(defaultPolicy.budgets, 0)
  const refusals = Array.from({ length: 500 }, (_, i) => {
    const kind = kinds[i % kinds.length]!
    return refuseRun({ policy: defaultPolicy, budget, nowMs: 0 }, { kind, options: withDefaults(kind, {}), address: '10.0.0.1' })
  })
  t.equal(refusals.filter(refusal => refusal === undefined).length, 200)
})
