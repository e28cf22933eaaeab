import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { type Decision, type Dial, defaultPolicy, denialText, judgeDial, type Policy } from '../../judge/policy.ts'
import { parsePolicy } from '../../judge/policy-file.ts'
import { kinds } from '../../wire/result.ts'

const policyOf = (text: string): Policy => {
  const parsed = parsePolicy(text)
  if (!parsed.ok) throw new Error(parsed.problems.join('\n'))
  return parsed.value
}
const judge = (policy: Policy, address: string, more: Partial<Dial> = {}): Decision =>
  judgeDial(policy, { kind: 'tcp', address, port: 443, ...more })
const word = (decision: Decision): string => (decision.kind === 'allowed' ? 'allowed' : decision.rule)

t.test('without a file everything is allowed but what nobody means to probe', async t => {
  for (const address of ['10.0.0.1', '192.0.2.1', '8.8.8.8', '2001:db8::1', 'fd12::1', '64:ff9b::8.8.8.8', '64:ff9b:1::8.8.8.8'])
    t.equal(word(judge(defaultPolicy, address)), 'allowed', address)
  const denied: [string, RegExp][] = [
    ['169.254.169.254', /metadata service 169.254.169.254\/32/],
    ['fd00:ec2::254', /metadata/],
    ['fd20:ce::254', /metadata/],
    ['100.100.100.200', /metadata/],
    ['168.63.129.16', /metadata/],
    ['169.254.170.2', /credentials/],
    ['169.254.1.1', /link-local/],
    ['fe80::1%eth0', /link-local/],
    ['127.0.0.1', /loopback/],
    ['127.255.255.254', /loopback/],
    ['::1', /loopback/],
    ['0.0.0.0', /this host/],
    ['::', /this host/],
    ['224.0.0.1', /multicast/],
    ['ff02::1', /multicast/],
    ['255.255.255.255', /broadcast/],
    ['240.0.0.1', /reserved/],
  ]
  for (const [address, rule] of denied) t.match(word(judge(defaultPolicy, address)), rule, address)
})

t.test('what is not an address is denied, in whatever old spelling', async t => {
  for (const text of [
    'localhost',
    '2130706433',
    '0x7f.1',
    '127.1',
    '0177.0.0.1',
    '010.0.0.1',
    '',
    ' 10.0.0.1',
    '10.0.0.1 ',
    '[::1]',
    '1.2.3.4.',
  ])
    t.equal(word(judge(defaultPolicy, text)), 'addresses only', text)
})

t.test('a special network is allowed by a rule that is no wider than it, and by no other', async t => {
  const wide = policyOf('allow: [0.0.0.0/0, ::/0]')
  t.equal(word(judge(wide, '10.0.0.1')), 'allowed')
  t.match(word(judge(wide, '127.0.0.1')), /loopback/)
  const named = policyOf('allow: [0.0.0.0/0, { cidr: 127.0.0.1, ports: [8080] }, 169.254.0.0/16]')
  t.equal(word(judge(named, '127.0.0.1', { port: 8080 })), 'allowed')
  t.match(word(judge(named, '127.0.0.1', { port: 443 })), /loopback/)
  t.match(word(judge(named, '127.0.0.2', { port: 8080 })), /loopback/)
  t.equal(word(judge(named, '169.254.7.7')), 'allowed')
  t.match(word(judge(named, '169.254.169.254')), /metadata/, 'link-local as a whole does not name the metadata service')
  t.equal(word(judge(policyOf('allow: [169.254.169.254]'), '169.254.169.254')), 'allowed')
})

t.test('with allow rules nothing else is allowed, by network, port and kind', async t => {
  const policy = policyOf('allow: [10.0.0.0/8, { cidr: 192.0.2.0/24, ports: [443, 8000-8999], kinds: [tcp, icmp] }]')
  t.equal(word(judge(policy, '10.9.9.9', { port: 1 })), 'allowed')
  t.equal(word(judge(policy, '192.0.2.1', { port: 8500 })), 'allowed')
  t.equal(word(judge(policy, '192.0.2.1', { port: 22 })), 'nothing allows it')
  t.equal(word(judge(policy, '192.0.2.1', { kind: 'tls' })), 'nothing allows it')
  t.equal(word(judge(policy, '192.0.2.1', { kind: 'icmp', port: undefined })), 'allowed', 'an echo has no port')
  t.equal(word(judge(policy, '8.8.8.8')), 'nothing allows it')
  t.equal(word(judge(policyOf('allow: []'), '10.0.0.1')), 'nothing allows it')
  t.match(denialText(judge(policy, '8.8.8.8')), /8\.8\.8\.8 port 443 is in no allow rule.*allow: \[/)
})

t.test('deny wins over everything, and says which line', async t => {
  const policy = policyOf('allow: [10.0.0.0/8, 127.0.0.1]\ndeny:\n  - { cidr: 10.1.0.0/16, ports: 22 }\n  - 127.0.0.0/8\n')
  t.equal(word(judge(policy, '10.1.0.1', { port: 443 })), 'allowed')
  t.equal(word(judge(policy, '10.1.0.1', { port: 22 })), 'deny 10.1.0.0/16 ports 22 (line 3)')
  t.equal(word(judge(policy, '10.1.0.1', { kind: 'icmp', port: undefined })), 'allowed', 'the rule is about a port')
  t.equal(word(judge(policy, '127.0.0.1')), 'deny 127.0.0.0/8 (line 4)', 'though it is named')
})

t.test('a source address must be one that the policy lets checks choose', async t => {
  t.equal(word(judge(defaultPolicy, '10.0.0.1', { source: '10.0.0.7' })), 'sources')
  const policy = policyOf('sources: [10.0.0.7]')
  t.equal(word(judge(policy, '10.0.0.1', { source: '10.0.0.7' })), 'allowed')
  t.equal(word(judge(policy, '10.0.0.1', { source: '::ffff:10.0.0.7' })), 'allowed')
  t.equal(word(judge(policy, '10.0.0.1', { source: '10.0.0.8' })), 'sources')
  t.equal(word(judge(policy, '10.0.0.1', { source: 'eth0' })), 'sources')
})

t.test('NAT64 is seen through, also by prefixes of this network', async t => {
  const policy = policyOf('allow: [203.0.113.0/24]\nnat64: ["2001:db8:64::/96", "2001:db8:100::/40"]')
  t.equal(word(judge(policy, '64:ff9b::203.0.113.5')), 'allowed', 'allowed by what it is translated to')
  t.equal(word(judge(policy, '64:ff9b::10.0.0.1')), 'nothing allows it')
  t.equal(word(judge(policy, '2001:db8:64::203.0.113.5')), 'allowed')
  t.match(word(judge(policy, '2001:db8:64::127.0.0.1')), /loopback/)
  // RFC 6052 §2.4: 192.0.2.33 in 2001:db8:100::/40.
  const table = policyOf('deny: [192.0.2.33]\nnat64: ["2001:db8:100::/40"]')
  t.match(word(judge(table, '2001:db8:1c0:2:21::')), /^deny 192.0.2.33/)
  t.equal(word(judge(policyOf('allow: [203.0.113.0/24]'), '2002:cb00:7105::1')), 'nothing allows it', 'a tunnel is not its end')
})

/** Every way to write or to wrap an IPv4 address, in IPv6 too. */
const spellings = (ipv4: string): fc.Arbitrary<string> => {
  const bytes = ipv4.split('.').map(Number)
  const hex = (...some: number[]): string => Buffer.from(some).toString('hex')
  const [a, b, c, d] = bytes as [number, number, number, number]
  const groups = `${hex(a, b)}:${hex(c, d)}`
  const turned = `${hex(a ^ 255, b ^ 255)}:${hex(c ^ 255, d ^ 255)}`
  const forms = [
    ipv4,
    `::ffff:${ipv4}`,
    `::ffff:${groups}`,
    `0:0:0:0:0:ffff:${groups}`,
    `0000:0000:0000:0000:0000:FFFF:${groups.toUpperCase()}`,
    `::ffff:${ipv4}%1`,
    `::${ipv4}`,
    `64:ff9b::${ipv4}`,
    `64:ff9b:0:0:0:0:${groups}`,
    `64:ff9b:1::${ipv4}`,
    `64:ff9b:1:${hex(a, b)}:${hex(0, c)}:${hex(d, 0)}:0:0`,
    `64:ff9b:1:abcd:0:0:${groups}`,
    `2002:${groups}::1`,
    `2002:${groups}:1:2:3:4:5`,
    `2001:0:${groups}::1`,
    `2001:0:808:808:0:0:${turned}`,
    `fd12::5efe:${ipv4}`,
    `fd12::200:5efe:${groups}`,
  ]
  return fc.constantFrom(...forms)
}

t.test('no spelling of a denied address gets through', async () => {
  // No translator sends to 0.0.0.0/8.
  const address = fc.ipV4().filter(ipv4 => !ipv4.startsWith('0.'))
  const length = fc.integer({ min: 8, max: 32 })
  fc.assert(
    fc.property(address, length, fc.boolean(), fc.constantFrom(...kinds), (ipv4, bits, isOpen, kind) => {
      const value = ipv4.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
      const masked = Math.floor(value / 2 ** (32 - bits)) * 2 ** (32 - bits)
      const network = `${[24, 16, 8, 0].map(shift => Math.floor(masked / 2 ** shift) % 256).join('.')}/${bits}`
      const policy = policyOf(`deny: ["${network}"]\n${isOpen ? 'allow: ["0.0.0.0/0", "::/0"]\n' : ''}`)
      fc.assert(
        fc.property(spellings(ipv4), text => judge(policy, text, { kind }).kind === 'denied'),
        { numRuns: 20 },
      )
    }),
    { numRuns: 100 },
  )
  for (const metadata of ['169.254.169.254', '100.100.100.200', '168.63.129.16', '127.0.0.1', '169.254.170.2'])
    fc.assert(fc.property(spellings(metadata), text => judge(defaultPolicy, text).kind === 'denied'))
})

t.test('any text gets a decision', async () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.ipV6(), fc.ipV4Extended()), text => {
      const decision = judge(defaultPolicy, text)
      return decision.kind === 'allowed' || (decision.detail !== '' && decision.remedy !== '')
    }),
  )
})

t.test('a policy is read with all its problems at once, each with its line', async t => {
  const text = [
    'allow:',
    '  - 10.0.0.1/8',
    '  - { cidr: 10.0.0.0/8, ports: [0, 99999, 5-4], kind: tcp }',
    'deny: 10.0.0.0/8',
    'budgets:',
    '  probesPerSecond: many',
    '  maxBytes: 10MiB',
    'sources: [nonsense]',
    'nat64: [2001:db8::/33]',
    'extra: 1',
  ].join('\n')
  const parsed = parsePolicy(text)
  t.notOk(parsed.ok)
  if (parsed.ok) return
  const starts = parsed.problems.map(problem => /^line (\d+): /.exec(problem)?.[1])
  t.same(starts, ['2', '3', '3', '3', '3', '4', '6', '8', '9', '10'])
  t.match(parsed.problems[0], /write 10\.0\.0\.0\/8, or 10\.0\.0\.1/)
  t.match(parsed.problems.at(-1), /"extra" is not known in the policy, want allow, deny/)
})

t.test('a policy that is no YAML, no map, or empty', async t => {
  t.match(parsePolicy('allow: [10.0.0.0/8'), { ok: false, problems: [/^line 1: /] })
  t.match(parsePolicy('a: 1\na: 2'), { ok: false, problems: [/^line 2: /] })
  t.match(parsePolicy('- 10.0.0.0/8'), { ok: false, problems: [/line 1: the policy is not a map/] })
  t.same(parsePolicy(''), { ok: true, value: defaultPolicy })
  t.same(parsePolicy('# nothing\n'), { ok: true, value: defaultPolicy })
  t.match(policyOf('budgets: { probesPerSecond: 500, maxBytes: 1MiB }').budgets, { probesPerSecond: 500, maxBytes: 2 ** 20 })
})

t.test('the example of the docs page is a policy', async t => {
  const page = readFileSync(new URL('../../docs/local-policy.md', import.meta.url), 'utf8')
  const policy = policyOf(/```yaml\n(.*?)```/s.exec(page)![1]!)
  t.equal(word(judge(policy, '203.0.113.9', { port: 8500, kind: 'http' })), 'allowed')
  t.match(word(judge(policy, '10.1.1.1', { port: 22 })), /^deny 10.0.0.0\/8 ports 22/)
  t.same(policy.budgets, defaultPolicy.budgets)
})

t.test('any text is read or refused', async () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.string().map(text => `allow: [${text}]`),
        fc.string().map(text => `deny:\n  - ${text}`),
      ),
      text => {
        const parsed = parsePolicy(text)
        return parsed.ok || parsed.problems.length > 0
      },
    ),
  )
})
