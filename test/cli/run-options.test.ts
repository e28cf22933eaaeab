import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { parseRunWords } from '../../cli/run-options.ts'
import { formatDuration, parseDurationMs } from '../../wire/values.ts'
import { certificateFor } from './certificate.ts'

const files = mkdtempSync(join(tmpdir(), 'causeway-'))
t.teardown(() => rmSync(files, { recursive: true }))
const pem = async () => {
  const { cert, key } = await certificateFor('client.example')
  const path = (name: string, text: string) => {
    writeFileSync(join(files, name), text)
    return join(files, name)
  }
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  return {
    cert: path('cert.pem', cert),
    key: path('key.pem', key),
    other: path('other.pem', other),
    text: path('text.pem', 'hello\n'),
    broken: path('broken.pem', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'),
  }
}
const paths = await pem()

/** `--count 1` as yargs takes it apart. */
const words = (line: string) => {
  const targets: string[] = []
  const flags: Record<string, string[]> = {}
  for (const word of line.split(' ').filter(Boolean)) {
    const [name, value = ''] = word.replace(/^--/, '').split('=')
    if (word.startsWith('--')) flags[name!] = [...(flags[name!] ?? []), value]
    else targets.push(word)
  }
  return { targets, flags }
}

const problemsOf = async (line: string, families: (4 | 6)[] = [4, 6]) => {
  const parsed = await parseRunWords(words(line), families)
  return parsed.ok ? [] : parsed.problems
}

const refused: [name: string, line: string, ...problems: RegExp[]][] = [
  ['no target is told', '', /no target/],
  ['an unknown option is named', 'a:1 --nonsense=1', /--nonsense: unknown option/],
  ['a mistyped option is told what was meant', 'a:1 --cuont=1', /did you mean --count/],
  ['an option without its value is told what it needs', 'a:1 --count', /--count: needs a value/],
  ['an option given twice is refused', 'a:1 --count=1 --count=2', /--count: given 2 times/],
  ['a number below the range is told the range', 'a:1 --count=0', /--count: got 0, want 1 to \d+$/],
  ['a number above the range is told the range', 'a:1 --max-steps=99', /--max-steps: got 99, want 0 to 24/],
  ['half an echo cannot be sent', 'a:1 --count=1.5', /--count: got 1.5, want a whole number/],
  ['a word is not a number', 'a:1 --count=many', /--count: "many" is not a number/],
  ['a duration without a unit is told how it was read', 'a:1 --timeout=5', /--timeout: got 5, want 10ms to 1m; .*milliseconds, .* 5s\?$/],
  ['one that is too long is no slip of the unit', 'a:1 --timeout=5000000', /want 10ms to 1m$/],
  ['a word is not a duration', 'a:1 --timeout=soon', /--timeout: "soon" is not a duration/],
  ['a timeout is within what all its steps allow', 'a:1 --timeout=5m', /--timeout: got 5m, want 10ms to 1m/],
  ['a duration has no fraction of a millisecond where there is none', 'tcp://a:1 --timeout=10.5ms', /whole number of milliseconds/],
  ['a loss above 100 % is refused', 'a:1 --max-loss=110%', /--max-loss: got 110%, want 0% to 100%/],
  ['a size that is a word is refused', 'a:1 --size=big', /--size: "big" is not a size/],
  ['a family is 4 or 6', 'a:1 --family=5', /--family: got "5", want 4 or 6/],
  ['an unknown output is told the known ones', 'a:1 --output=xml', /--output: got "xml", want one of human, json/],
  ['a resolver is an address', 'a:1 --resolver=dns.example', /--resolver: got "dns.example", want an address/],
  ['a resolver has a port that exists', 'a:1 --resolver=10.0.0.1:0', /--resolver/],
  ['an expected address is an address', 'a:1 --expect-address=10.0.0.0/33', /--expect-address/],
  ['a source is an address', 'a:1 --source=eth0', /--source: got "eth0"/],
  ['a server name is a name', 'a:1 --sni=10.0.0.1', /--sni: 10.0.0.1 is an address/],
  ['an empty protocol is refused', 'a:1 --alpn=h2,,h3', /--alpn: got ""/],
  [
    'an option that belongs elsewhere names both',
    'icmp://10.0.0.1 --alpn=h2',
    /--alpn: belongs to mtu, tls, mtls, http and not to icmp:\/\/10.0.0.1/,
  ],
  [
    'a look-up option without a name to look up is refused',
    '10.0.0.1:1 --resolver=10.0.0.2',
    /--resolver: belongs to dns and not to 10.0.0.1:1/,
  ],
  ['an expected identity must be a SPIFFE ID', 'a:1 --expect-id=https://a/b', /--expect-id: "https:\/\/a\/b": /],
  ['a family that the address has not is refused', '10.0.0.1:1 --family=6', /10.0.0.1:1: is an IPv4 address, and --family is 6/],
  ['a source of another family than the target is refused', '10.0.0.1:1 --source=::1', /--source is IPv6/],
  ['a source of another family than asked for is refused', 'a:1 --source=::1 --family=4', /--source: ::1 is IPv6, and --family is 4/],
  ['a certificate file that does not exist is named', `a:1 --ca=${files}/none.pem`, /--ca: .*none.pem: no such file/],
  ['a folder is not a certificate', `a:1 --ca=${files}`, /--ca: .*cannot be read \(EISDIR\)/],
  ['a file without a certificate is refused', `a:1 --ca=${paths.text}`, /--ca: .*no BEGIN CERTIFICATE/],
  ['a certificate that is garbage is refused', `a:1 --ca=${paths.broken}`, /certificate 1 of 1 is malformed/],
  ['a certificate needs its key', `a:1 --cert=${paths.cert}`, /--cert: needs --key/],
  ['a key needs its certificate', `a:1 --key=${paths.key}`, /--key: needs --cert/],
  ['a key of another certificate is refused', `a:1 --cert=${paths.cert} --key=${paths.other}`, /is not the key of the first certificate/],
  ['a certificate is not a key', `a:1 --cert=${paths.cert} --key=${paths.cert}`, /no BEGIN PRIVATE KEY/],
  [
    'everything that is wrong is told at once',
    'a:0 b:1 [::1 --count=0 --nonsense=1 --ca=/nowhere',
    /port 0/,
    /unbalanced/,
    /--nonsense/,
    /--count/,
    /--ca/,
  ],
]

for (const [name, line, ...problems] of refused) {
  t.test(name, async t => {
    const found = await problemsOf(line)
    for (const problem of problems)
      t.ok(
        found.some(one => problem.test(one)),
        `${problem} in:\n${found.join('\n')}`,
      )
    t.ok(
      found.every(one => !one.includes('\n')),
      'one line each',
    )
  })
}

t.test('a family that the host lacks is refused, asked for or written', async t => {
  t.match(await problemsOf('a:1 --family=6', [4]), [/--family 6: this machine has no IPv6 address/])
  t.match(await problemsOf('[2001:db8::1]:1', [4]), [/this machine has no IPv6 address/])
  t.strictSame(await problemsOf('a:1', [4]), [])
})

t.test('each option reaches the probes that it belongs to', async t => {
  const line = `a:1 --count=7 --interval=1s --timeout=2s --family=6 --resolver=10.0.0.1:53 --resolver=::1 --expect-address=10.0.0.0/8 --size=1k --max-loss=5% --max-steps=4 --payload=64KiB --sni=b.example --alpn=h2,h3 --alpn=istio --no-ladder --cert=${paths.cert} --key=${paths.key} --ca=${paths.cert}`
  const parsed = await parseRunWords(words(line), [4, 6])
  if (!parsed.ok) return t.fail(parsed.problems.join('\n'))
  const { dns, icmp, mtu, tcp, tls } = parsed.value.options
  t.match(dns, { timeoutMs: 2000, family: 6, resolvers: ['10.0.0.1:53', '::1'], expect: ['10.0.0.0/8'] })
  t.match(icmp, { count: 7, intervalMs: 1000, replyTimeoutMs: 2000, sizeBytes: 1024, maxLoss: 0.05 })
  t.match(mtu, { timeoutMs: 2000, maxSteps: 4, sni: 'b.example', alpn: ['h2', 'h3', 'istio'] })
  t.match(tcp, { timeoutMs: 2000, payloadBytes: 65536 })
  t.match(tls, { timeoutMs: 2000, sni: 'b.example', alpn: ['h2', 'h3', 'istio'], ladder: false, ca: /BEGIN CERT/, key: /PRIVATE/ })
  t.ok(icmp.timeoutMs >= 6 * 1000 + 2000, 'seven echoes, a second apart, have the time they need')
})

t.test('the options of HTTP are read', async t => {
  const flags = {
    method: ['post'],
    header: ['X-Team: net', 'Authorization: Bearer a:b'],
    body: ['{}'],
    'expect-status': ['200,404', '5xx'],
    'expect-body': ['UP'],
    'expect-pattern': ['^a+$'],
    redirects: ['3'],
    'grpc-service': ['pay.v1.Pay'],
    alpn: ['h2,http/1.1'],
    timeout: ['2s'],
  }
  const parsed = await parseRunWords({ targets: ['https://a/'], flags }, [4])
  if (!parsed.ok) return t.fail(parsed.problems.join('\n'))
  t.match(parsed.value.options.http, {
    timeoutMs: 2000,
    method: 'POST',
    headers: { 'x-team': 'net', authorization: 'Bearer a:b' },
    body: '{}',
    expectStatus: ['200', '404', '5xx'],
    expectBody: 'UP',
    expectPattern: '^a+$',
    redirects: 3,
    grpcService: 'pay.v1.Pay',
    alpn: ['h2', 'http/1.1'],
  })
})

t.test('all that is wrong with the options of HTTP is told at once, and no secret', async t => {
  const flags = {
    method: ['PUT'],
    header: ['s3cret', 'Host: s3cret', 'a: s3cret', 'A: s3cret'],
    body: ['x'],
    'expect-status': ['abc'],
    'expect-pattern': ['('],
    redirects: ['99'],
  }
  const parsed = await parseRunWords({ targets: ['https://a/'], flags }, [4])
  const problems = parsed.ok ? [] : parsed.problems
  for (const problem of [
    /--method/,
    /want "name: value"/,
    /host is the probe's own/,
    /"A" is given twice/,
    /--body/,
    /"abc"/,
    /"\("/,
    /--redirects/,
  ])
    t.ok(
      problems.some(one => problem.test(one)),
      String(problem),
    )
  t.notMatch(problems.join(), /s3cret/)
  t.match(await parseRunWords({ targets: ['a:1'], flags: { header: ['a: b'] } }, [4]), {
    ok: false,
    problems: [/--header: belongs to http/],
  })
})

t.test('durations are read in every unit and shown as people type them', async t => {
  const cases = { '200ms': 200, '1s': 1000, '1.5s': 1500, '100us': 0.1, '2m': 120_000, '250': 250 }
  for (const [text, ms] of Object.entries(cases)) t.strictSame(parseDurationMs(text), { ok: true, value: ms }, text)
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e9 }), ms => {
      const back = parseDurationMs(formatDuration(ms))
      return back.ok && back.value === ms
    }),
  )
})

t.test('no words make the reader throw', async () => {
  const value = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('', '1', '10%', '5s', '::1', 'a/b'))
  const name = fc.constantFrom(
    'count',
    'timeout',
    'family',
    'source',
    'resolver',
    'expect-address',
    'sni',
    'alpn',
    'ca',
    'key',
    'output',
    'x',
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string(), { maxLength: 3 }),
      fc.dictionary(name, fc.array(value, { minLength: 1, maxLength: 2 })),
      async (targets, flags) => {
        await parseRunWords({ targets, flags }, [4])
      },
    ),
  )
})
