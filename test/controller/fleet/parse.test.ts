import { readFileSync } from 'node:fs'
import t from 'tap'
import { parseFleet } from '../../../controller/fleet/parse.ts'

const head = 'apiVersion: causeway/v1\n'
const example = readFileSync(new URL('../../../examples/fleet.yaml', import.meta.url), 'utf8')
/** `line path: message` of every problem, with the head as line 1. */
const problemsOf = (yaml: string, ...documents: string[]): string[] => {
  const others = documents.map(text => {
    const parsed = parseFleet(head + text)
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
    return parsed.value
  })
  const parsed = parseFleet(head + yaml, others)
  return parsed.ok ? [] : parsed.problems.map(({ path, line, message }) => `${line ?? '-'} ${path}: ${message}`)
}

const isDeepFrozen = (value: unknown): boolean =>
  typeof value !== 'object' || value === null || (Object.isFrozen(value) && Object.values(value).every(isDeepFrozen))

t.test('the example parses, with its defaults, frozen', async t => {
  const parsed = parseFleet(example)
  if (!parsed.ok) return t.fail(JSON.stringify(parsed.problems))
  t.ok(isDeepFrozen(parsed.value))
  t.equal(parsed.value.clusters[1]!.audience, 'causeway')
  t.match(parsed.value.mesh[0], { perLink: 3, inDegree: 2, maxTargets: 100, between: 'region', policy: 'sampled' })
  t.match(parsed.value.checks[0], { as: 'agent', perLink: 3 })
  t.same(parsed.warnings, [])
})

t.test('a document with nothing but its version is a fleet without anything', async t => {
  const parsed = parseFleet(head)
  t.match(parsed, { ok: true, warnings: [], value: { owner: 'default', targets: [], checks: [], mesh: [], alerts: { rules: [] } } })
})

t.test('keys and bundles may come from beside the controller', async t => {
  const cluster = '{ name: own, issuer: "https://x/", jwks: { tokenReview: true }, cloud: aws, region: r }'
  const parsed = parseFleet(`${head}clusters:\n  - ${cluster}\ntrustDomains:\n  - { name: a.test, bundle: { file: /etc/a.json } }\n`)
  t.match(parsed, { ok: true, value: { clusters: [{ jwks: { tokenReview: true } }], trustDomains: [{ bundle: { file: '/etc/a.json' } }] } })
})

const check = 'checks:\n  - { name: c, kind: icmp, every: 10s }\n'
/** What is written, and each problem that it has. */
const cases: Record<string, [string, ...RegExp[]]> = {
  'an unknown key, with the one that was meant': ['ownr: x', /^2 ownr: unknown key, did you mean owner\?/],
  'an unknown key deep inside': [
    'targets:\n  - name: a\n    address: a.test\n    adress: b',
    /^5 targets\[0\]\.adress: unknown key, did you mean address\?/,
  ],
  'a name twice': [
    'targets:\n  - { name: a, address: a.test }\n  - { name: a, address: b.test }',
    /^4 targets\[1\]\.name: .*number 1 of the list/,
  ],
  'one issuer for two clusters': [
    'clusters:\n  - { name: a, issuer: "https://x/", cloud: aws, region: r }\n  - { name: b, issuer: "https://x/", cloud: aws, region: r }',
    /^4 clusters\[1\]\.issuer: the issuer/,
  ],
  'a check on a target that is not there': [
    'targets:\n  - { name: payments, address: a.test }\nchecks:\n  - { name: c, kind: icmp, every: 10s, targets: [paymnts] }',
    /^5 checks\[0\]\.targets\[0\]: .*did you mean payments\?/,
  ],
  'a mesh of a check that is not there': ['mesh:\n  - { name: m, checks: [x] }', /^3 mesh\[0\]\.checks\[0\]: there is no check "x"/],
  'more probers per agent than anyone may have targets': [
    `${check}mesh:\n  - { name: m, checks: [c], inDegree: 5, maxTargets: 3 }`,
    /^5 mesh\[0\]\.inDegree: .*raise it/,
  ],
  'a mesh of checks that agents do not answer': [
    'checks:\n  - { name: c, kind: dns, every: 10s }\nmesh:\n  - { name: m, checks: [c] }',
    /^5 mesh\[0\]\.checks\[0\]: .*agents do not answer/,
  ],
  'a hub that nobody is': [`${check}mesh:\n  - { name: m, checks: [c], policy: hub }`, /^5 mesh\[0\]\.policy: hub is missing/],
  'a hub without the policy': [
    `${check}mesh:\n  - { name: m, checks: [c], hub: { cloud: [aws] } }`,
    /^5 mesh\[0\]\.hub: belongs to policy: hub/,
  ],
  'rotation every second': [`${check}mesh:\n  - { name: m, checks: [c], rotate: 1s }`, /^5 mesh\[0\]\.rotate: got 1s, want 1m to/],
  'an empty selector list': [
    'checks:\n  - { name: c, kind: icmp, every: 10s, from: { cloud: [] } }',
    /^3 checks\[0\]\.from\.cloud: an empty list/,
  ],
  'a selector that contradicts itself': [
    'clusters:\n  - { name: k, issuer: "https://x/", cloud: azure, region: r }\nchecks:\n  - { name: c, kind: icmp, every: 10s, from: { cloud: [aws], cluster: [k] } }',
    /^5 checks\[0\]\.from\.cluster: .*no agent can fit both/,
  ],
  'an option that the kind does not have': [
    'checks:\n  - { name: c, kind: icmp, every: 10s, options: { cont: 3 } }',
    /options\.cont: unknown key, did you mean count\?/,
  ],
  'a size that is none, and the same option twice': [
    'checks:\n  - { name: c, kind: tcp, every: 10s, options: { payload: 64KiBB, payloadBytes: 1 } }',
    /options\.payload: "64KiBB" is not a size/,
    /options\.payloadBytes: the same as payload/,
  ],
  'a timeout longer than the interval': [
    'checks:\n  - { name: c, kind: icmp, every: 1s, timeout: 2s }',
    /timeout: 2s is longer than every: 1s/,
  ],
  'echoes that take longer than the run': [
    'checks:\n  - { name: c, kind: icmp, every: 1s, options: { count: 100 } }',
    /^3 checks\[0\]\.options: .*never finish/,
  ],
  'a refusal provoked every ten seconds': [
    'checks:\n  - { name: c, kind: mtls, every: 10s, options: { negative: true } }',
    /options\.negative: provokes a refusal/,
  ],
  'a kind that nobody knows': ['checks:\n  - { name: c, kind: icmpp, every: 10s }', /^3 checks\[0\]\.kind: .*did you mean icmp\?/],
  'no duration': ['checks:\n  - { name: c, kind: icmp, every: 10x }', /^3 checks\[0\]\.every: got "10x"/],
  'a private key': ['checks:\n  - { name: c, kind: tls, every: 10s, options: { key: PEM } }', /options\.key: a secret does not belong/],
  'a tcp check without a port': [
    'targets:\n  - { name: a, address: a.test }\nchecks:\n  - { name: c, kind: tcp, every: 10s, targets: [a] }',
    /^5 checks\[0\]\.targets\[0\]: a tcp check needs a port/,
  ],
  'a target with a scheme': ['targets:\n  - { name: a, address: "tcp://a.test:1" }', /^3 targets\[0\]\.address: .*write host or host:port/],
  'a port that is none': ['targets:\n  - { name: a, address: "a.test:99999" }', /^3 targets\[0\]\.address: .*want 1 to 65535/],
  'an identity that nothing can have': [
    'targets:\n  - { name: a, address: a.test, expectId: "spiffe://x/y", expectTrustDomain: z }',
    /expectTrustDomain: z is not the trust domain/,
  ],
  'the profile https_spiffe without its ID': [
    'trustDomains:\n  - { name: a.test, bundleEndpoint: { url: "https://x/", profile: https_spiffe } }',
    /bundleEndpoint: endpointId is missing/,
  ],
  'keys that are looked for nowhere': [
    'clusters:\n  - { name: a, issuer: "https://x/", jwks: { tokenReview: false }, cloud: aws, region: r }',
    /^3 clusters\[0\]\.jwks/,
  ],
  'an objective of 100 %, and a day that is none': [
    'links:\n  - { from: a/b, to: c/d, objective: { availability: 100 } }\n  - { from: a/b, to: c/e, price: { perGB: 1, asOf: 2026-02-30 } }',
    /^3 links\[0\]\.objective\.availability: got 100, want less than 100/,
    /^4 links\[1\]\.price\.asOf: 2026-02-30 is not a day/,
  ],
  'a link twice': [
    'links:\n  - { from: a/b, to: c/d }\n  - { from: a/b, to: c/d }',
    /^4 links\[1\]\.from: the link "a\/b → c\/d" is there already/,
  ],
  'a secret in the file': [
    'alerts:\n  receivers:\n    - { name: r, type: pagerduty, routingKey: hunter2 }\n  routes: [{ to: [r] }]',
    /^4 alerts\.receivers\[0\]\.routingKey: want \{ env: NAME \} or \{ file: \/path \}/,
  ],
  'a password in a URL': [
    'alerts:\n  receivers:\n    - { name: r, type: webhook, url: "https://u:hunter2@x/" }\n  routes: [{ to: [r] }]',
    /^4 alerts\.receivers\[0\]\.url: an? |^4 alerts\.receivers\[0\]\.url: want/,
  ],
  'receivers that would tell a secret, or nobody': [
    `alerts:
  receivers:
    - { name: a, type: pagerduty, routingKey: { env: K }, url: "http://pd.example/" }
    - { name: b, type: slack, url: { env: U }, token: { env: T } }
    - { name: c, type: slack, token: { env: T } }
    - { name: d, type: email, from: a@b, to: [c@d], smtp: "mail.example:587", user: u }
    - { name: e, type: email, from: a@b, to: [c@d], smtp: "mail.example:25", user: u, password: { env: P }, tls: none }
    - { name: f, type: webhook, url: "http://169.254.169.254/latest", repeat: 1s }
    - { name: g, type: alertmanager, url: "http://am:9093/api/v2/alerts" }
  routes: [{ to: [a, b, c, d, e, f, g] }]`,
    /^4 alerts\.receivers\[0\]\.url: want https/,
    /^5 alerts\.receivers\[1\]: has url, and token/,
    /^6 alerts\.receivers\[2\]: channel is missing/,
    /^7 alerts\.receivers\[3\]: password is missing/,
    /^8 alerts\.receivers\[4\]\.tls: want required/,
    /^9 alerts\.receivers\[5\]\.repeat: got 1s/,
    /^9 alerts\.receivers\[5\]\.url: 169\.254\.169\.254 is a metadata service/,
    /^10 alerts\.receivers\[6\]\.url: want the base URL/,
  ],
  'a receiver of an unknown type': ['alerts:\n  receivers:\n    - { name: r, type: pagerdty }', /^4 .*did you mean pagerduty\?/],
  'a route to nobody': ['alerts:\n  routes: [{ to: [x] }]', /^3 alerts\.routes\[0\]\.to\[0\]: there is no receiver "x"/],
  'a rule without a condition': ['alerts:\n  rules: [{ name: r }]', /when is missing: without a condition/],
  'a default rule that does not exist': [
    'alerts:\n  rules: [{ name: default/loss-ration, enabled: false }]',
    /did you mean default\/loss-ratio\?/,
  ],
  'a condition that no value fits': [`${check}alerts:\n  rules: [{ name: r, when: { p95: "> 2s and < 1s" } }]`, /no value is both/],
  'a condition that every value fits': [`${check}alerts:\n  rules: [{ name: r, when: { loss: ">= 0%" } }]`, /would always fire/],
  'quantiles the wrong way round': [
    `${check}alerts:\n  rules: [{ name: r, when: { p95: "< 10ms", p50: "> 20ms" } }]`,
    /p95 is never below p50/,
  ],
  'a limit beyond the timeout': [
    `${check}alerts:\n  rules: [{ name: r, on: { check: c }, when: { p95: ">= 5s" } }]`,
    /can never fire, set a lower limit/,
  ],
  'a metric that the kind does not measure': [
    `${check}alerts:\n  rules: [{ name: r, on: { check: c }, when: { mtu: "< 1400" } }]`,
    /icmp checks do not measure mtu/,
  ],
  'a reason that the kind never has': [
    `${check}alerts:\n  rules: [{ name: r, on: { check: c }, when: { reason: [tls_reset] } }]`,
    /icmp checks never fail with tls_reset/,
  ],
  'two rules that say the same': [
    `${check}alerts:\n  rules:\n    - { name: r, when: { p95: "> 1s" }, severity: page }\n    - { name: s, when: { p95: "> 1s" }, severity: ticket }`,
    /^7 alerts\.rules\[1\]: the same as the rule r/,
  ],
  'a cycle of aliases': ['targets: &t [*t]', /^2 : .*a cycle/],
  'a key twice': ['owner: a\nowner: b', /^3 : "owner" stands here twice/],
  'a second document': ['---\nowner: b', /a second document begins here/],
}

for (const [story, [yaml, ...wanted]] of Object.entries(cases))
  t.test(`refused: ${story}`, async t => {
    const problems = problemsOf(yaml)
    t.equal(problems.length, wanted.length, problems.join('\n'))
    for (const [index, want] of wanted.entries()) t.match(problems[index], want)
    t.notMatch(problems.join(), /hunter2/, 'a secret is not repeated')
  })

t.test('all problems are found at once, in the order of their lines', async t => {
  const yaml = Object.values(cases)
    .map(([text]) => text)
    .filter(text => text.startsWith('targets:\n') && !text.includes('checks:'))
    .map(text => text.replace('targets:\n', ''))
  const problems = problemsOf(`targets:\n${yaml.join('\n')}`)
  t.ok(problems.length >= 5, problems.join('\n'))
  const lines = problems.map(problem => Number(problem.split(' ')[0]))
  t.same(
    lines,
    lines.toSorted((a, b) => a - b),
  )
})

t.test('what another owner has may be referred to and not taken', async t => {
  const platform = 'owner: platform\ntargets:\n  - { name: a, address: "a.test:1" }\n'
  t.same(problemsOf('owner: payments\nchecks:\n  - { name: c, kind: tcp, every: 10s, targets: [a] }', platform), [])
  t.match(problemsOf('owner: payments\ntargets:\n  - { name: a, address: b.test }', platform), [
    /^4 targets\[0\]\.name: .*belongs to the owner platform/,
  ])
  t.same(problemsOf('owner: platform\ntargets:\n  - { name: a, address: b.test }', platform), [], 'its owner may change it')
  const checked = 'owner: checks\nchecks:\n  - { name: d, kind: icmp, every: 10s }\n'
  const meshed = 'owner: mesh\nmesh:\n  - { name: m, checks: [d] }\n'
  const first = parseFleet(head + checked)
  const second = parseFleet(head + meshed, first.ok ? [first.value] : [])
  if (!first.ok || !second.ok) return t.fail('both parse')
  const gone = parseFleet(`${head}owner: checks\n`, [first.value, second.value])
  t.match(gone, { ok: false, problems: [{ message: /the check "d" is in use by the owner mesh and would be gone/ }] })
})

t.test('documents that are made to hurt are refused in time', async t => {
  const bomb = Array.from(
    { length: 12 },
    (_, i) =>
      `a${i}: &a${i} [${Array(10)
        .fill(i ? `*a${i - 1}` : 'x')
        .join(',')}]`,
  ).join('\n')
  t.match(parseFleet(bomb), { ok: false, problems: [{ message: /unfolds to more than/ }] })
  t.match(parseFleet('x'.repeat(3 * 2 ** 20)), { ok: false, problems: [{ message: /bytes, want at most/ }] })
  t.match(parseFleet('['.repeat(100_000)), { ok: false, problems: [{ message: 'nested too deeply' }] })
  t.match(parseFleet(`a: ${'['.repeat(50)}${']'.repeat(50)}`), { ok: false, problems: [{ message: /nested \d+ deep/ }] })
  t.match(parseFleet(Array.from({ length: 3000 }, (_, i) => `k${i}: 1`).join('\n')), { ok: false })
  for (const text of ['', '[]', '1', 'null', '? [1]\n: 2', 'a: !!foo 1', '"', '\0', '__proto__: 1', 'constructor: 1'])
    t.match(parseFleet(text), { ok: false }, text)
})
