import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CompactSign } from 'jose'
import t from 'tap'
import { inspectCommand } from '../../cli/inspect.ts'
import { main } from '../../cli/main.ts'
import { probeHere } from '../lab/probe-here.ts'
import { daysFromNow, makeAuthority } from '../servers/authority.ts'
import { worldOf } from './canned.ts'

const folder = mkdtempSync(join(tmpdir(), 'inspect-'))
t.teardown(() => rmSync(folder, { recursive: true }))
const file = (name: string, content: string | Uint8Array) => {
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}
const vector = (name: string) => fileURLToPath(new URL(`../fixtures/spiffe/java-spiffe/${name}`, import.meta.url))

// The clock of these worlds stands still, so the command is told the time.
const now = new Date().toISOString()
const run = async (...args: string[]) => {
  const world = worldOf()
  return { code: await main(['inspect', ...args], world), out: world.out(), err: world.err() }
}
const judge = async (...args: string[]) => {
  const { code, out, err } = await run(...args, '--output', 'json', ...(args.includes('--at') ? [] : ['--at', now]))
  return { code, err, document: out ? JSON.parse(out) : undefined }
}

const root = await makeAuthority({ name: 'root', notAfter: daysFromNow(365) })
const other = await makeAuthority({ name: 'other' })
const mid = await root.intermediate({ name: 'mid', notAfter: daysFromNow(100) })
const svid = await mid.issue({ uris: ['spiffe://a.test/api'], notAfter: daysFromNow(20) })
const chain = file('svid.pem', svid.chainPem)
const bundle = `a.test=${file('a.pem', root.certPem)}`

t.test('a right SVID is ok, with its certificates', async t => {
  const { code, document } = await judge(chain, '--bundle', bundle, '--expect-id', 'spiffe://a.test/api')
  t.equal(code, 0)
  t.match(document, {
    schema: 'causeway.inspect/1',
    type: 'x509-svid',
    id: 'spiffe://a.test/api',
    ok: true,
    violations: [],
    warnings: [],
    verified: true,
  })
  t.strictSame(
    document.certificates.map((one: { role: string; subject: string }) => [one.role, one.subject]),
    [
      ['leaf', 'CN=spiffe://a.test/api'],
      ['intermediate', 'CN=mid'],
      ['authority', 'CN=root'],
    ],
  )
})

t.test('for people: who, until when, what is broken, and one word at the end', async t => {
  const good = await run(chain, '--bundle', bundle, '--at', now)
  t.equal(good.code, 0)
  t.match(good.out, /X509-SVID {2}spiffe:\/\/a\.test\/api\n {2}✓ leaf/)
  t.match(good.out, /(19|20) days left/)
  t.match(good.out, /\n✓ ok\n$/)
  const bad = await run(chain, '--bundle', `a.test=${file('other.pem', other.certPem)}`, '--expect-id', 'spiffe://a.test/web', '--at', now)
  t.equal(bad.code, 1)
  t.match(bad.out, /✗ untrusted_chain/)
  t.match(bad.out, /✗ id_mismatch/)
  t.match(bad.out, /✗ not ok: 2 rules broken\n$/)
  for (const line of bad.out.split('\n')) t.ok(line.length <= 100 || line.includes(folder), line)
})

t.test('--expect-id takes an ID, a trust domain and a path with a star', async t => {
  for (const [wanted, code] of [
    ['spiffe://a.test', 0],
    ['spiffe://a.test/*', 0],
    ['spiffe://a.test/api/*', 0],
    ['spiffe://b.test', 1],
    ['spiffe://a.test/ap/*', 1],
  ] as const)
    t.equal((await judge(chain, '--expect-id', wanted)).code, code, wanted)
})

t.test('an SVID with its key: it belongs, or it does not, and is never printed', async t => {
  const both = file('both.pem', svid.chainPem + svid.keyPem)
  t.match(await judge(both), { code: 0, document: { keyMatches: true } })
  const swapped = await judge(file('swapped.pem', svid.chainPem + root.keyPem))
  t.match(swapped, { code: 1, document: { keyMatches: false, violations: [{ code: 'config_invalid', rule: 'key_mismatch' }] } })
  t.match(await judge(chain, '--key', file('key.pem', svid.keyPem)), { code: 0, document: { keyMatches: true } })
  t.match(await judge(vector('x509svid/good-leaf-only.pem'), '--key', vector('x509svid/key-rsa-other.pem')), {
    document: { keyMatches: false },
  })
  const secret = svid.keyPem.split('\n')[1]!
  for (const output of ['human', 'json']) t.notOk((await run(both, '--output', output)).out.includes(secret))
})

t.test('--at is the clock', async t => {
  t.match(await judge(vector('x509svid/good-leaf-only.pem'), '--at', '2021-01-01T00:00:00Z'), {
    code: 0,
    document: { ok: true, at: '2021-01-01T00:00:00.000Z' },
  })
  t.match(await judge(vector('x509svid/good-leaf-only.pem'), '--at', '2026-01-01T00:00:00+01:00'), {
    code: 1,
    document: { violations: [{ code: 'svid_expired' }] },
  })
})

t.test('a file of authorities is a bundle, an ordinary server certificate is a certificate', async t => {
  t.match(await judge(file('cas.pem', root.certPem + other.certPem)), {
    code: 0,
    document: { type: 'bundle', authorities: { x509: 2, jwt: 0 } },
  })
  const server = await root.issue({ names: ['svc.test'] })
  t.match(await judge(file('server.pem', server.certPem)), { code: 0, document: { type: 'certificate', id: null, ok: true } })
  const old = await root.issue({ names: ['svc.test'], notBefore: daysFromNow(-3), notAfter: daysFromNow(-1) })
  t.match(await judge(file('old.der', old.der)), {
    code: 1,
    document: { type: 'certificate', violations: [{ code: 'certificate_expired' }] },
  })
  t.match(await judge(file('server.pem', server.certPem), '--expect-id', 'spiffe://a.test'), {
    code: 1,
    document: { type: 'x509-svid', violations: [{ code: 'no_spiffe_id' }] },
  })
  t.match(await judge(vector('x509svid/wrong-leaf-ca-true.pem')), {
    document: { type: 'x509-svid', violations: [{ code: 'leaf_constraint' }] },
  })
})

t.test('a server that signs itself is no bundle, whatever openssl says of it', async t => {
  const signed = join(folder, 'self.pem')
  const words = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /CN=localhost -addext subjectAltName=DNS:localhost -days 30 -out ${signed}`
  execFileSync('openssl', words.split(' '), { stdio: 'pipe' })
  const tomorrow = ['--at', daysFromNow(1).toISOString()]
  t.match(await judge(signed, ...tomorrow), {
    code: 0,
    document: { type: 'certificate', verified: null, certificates: [{ role: 'leaf' }] },
  })
  const { stdout, status } = await probeHere(['inspect', signed])
  t.equal(status, 0)
  t.match(stdout, /self\.pem {2}certificate\n/)
  t.match(stdout, /\n {4}chain {9}not judged, which needs --ca FILE\n/)
  t.match(stdout, /ok, 1 warning, but whether to trust it was not judged\n$/)
  t.match(await judge(signed, '--ca', signed, ...tomorrow), { code: 0, document: { type: 'certificate', verified: true } })
})

t.test('--ca: an ordinary chain leads there, or is not trusted', async t => {
  const path = file('below.pem', (await mid.issue({ names: ['svc.test'] })).chainPem)
  const [ours, theirs] = [file('ours.pem', root.certPem), file('theirs.pem', other.certPem)]
  t.match(await judge(path, '--ca', ours), {
    code: 0,
    document: { type: 'certificate', verified: true, certificates: [{ role: 'leaf' }, { role: 'intermediate' }, { role: 'authority' }] },
  })
  t.match(await judge(path, '--ca', theirs), {
    code: 1,
    document: { verified: false, violations: [{ code: 'certificate_untrusted', detail: /"CN=mid" was issued by "CN=root"/ }] },
  })
  t.match((await run(path, '--ca', theirs, '--at', now)).out, /chain {9}does not lead to an authority of --ca\n/)
  t.match(await judge(ours, '--ca', ours), { code: 0, document: { type: 'certificate', verified: true } })
  t.match(await judge(path, '--ca', '/nowhere'), { code: 2, err: /--ca: \/nowhere: no such file/ })
  t.match(await judge(path, '--ca', file('word', 'a.b.c')), { code: 2, err: /--ca: .*token/ })
})

t.test('--ca counts for an SVID whose trust domain has no bundle, and for no other', async t => {
  const [ours, theirs] = [file('ours.pem', root.certPem), file('theirs.pem', other.certPem)]
  t.match(await judge(chain, '--ca', ours), { code: 0, document: { type: 'x509-svid', verified: true } })
  t.match(await judge(chain, '--ca', theirs), { code: 1, document: { violations: [{ code: 'untrusted_chain' }] } })
  t.match(await judge(chain, '--bundle', bundle, '--ca', theirs), { code: 0, document: { verified: true } })
  t.match((await run(chain, '--at', now)).out, /chain {9}not judged, which needs --bundle a\.test=FILE or --ca FILE\n/)
  t.match((await run(chain, '--ca', ours, '--at', now)).out, /chain {9}leads to an authority of its trust domain\n/)
})

t.test('a bundle document shows its sequence exactly', async t => {
  const text = '{"keys":[],"spiffe_sequence":18446744073709551615,"spiffe_refresh_hint":300}'
  const { code, document } = await judge(file('empty.json', text))
  t.equal(code, 0)
  t.match(document, {
    type: 'bundle',
    ok: true,
    authorities: { x509: 0, jwt: 0 },
    sequence: '18446744073709551615',
    refreshHintSeconds: 300,
    warnings: [{ code: 'bundle_empty' }],
  })
})

const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const token = (claims: object) =>
  new CompactSign(Buffer.from(JSON.stringify(claims))).setProtectedHeader({ alg: 'ES256', kid: 'k' }).sign(keys.privateKey)
const jwks = file('jwks.json', JSON.stringify({ keys: [{ ...keys.publicKey.export({ format: 'jwk' }), use: 'jwt-svid', kid: 'k' }] }))
const exp = Math.floor(Date.now() / 1000) + 300

t.test('a JWT-SVID is verified with its bundle; its text is not repeated', async t => {
  const text = await token({ sub: 'spiffe://a.test/api', aud: ['pay'], exp })
  const path = file('token', `${text}\n`)
  const good = await judge(path, '--bundle', `a.test=${jwks}`, '--audience', 'pay')
  t.match(good, { code: 0, document: { type: 'jwt-svid', id: 'spiffe://a.test/api', verified: true, claims: { aud: ['pay'] } } })
  t.match(await judge(path, '--audience', 'x'), { code: 1, document: { violations: [{ code: 'audience_mismatch' }] } })
  const human = await run(path, '--at', now)
  t.match(human.out, /JWT-SVID {2}spiffe:\/\/a\.test\/api/)
  t.notOk(human.out.includes(text.split('.')[2]!))
})

t.test('a token of another issuer is judged by its dates and audience', async t => {
  const path = file('k8s', await token({ sub: 'system:serviceaccount:a:b', iss: 'https://x', aud: 'sts', exp, big: 1 }))
  t.match(await judge(path), { code: 0, document: { type: 'token', id: null, claims: { iss: 'https://x' } } })
  t.match(await judge(path, '--at', '2099-01-01T00:00:00Z'), { code: 1, document: { violations: [{ code: 'token_expired' }] } })
})

t.test('stdin is a file called -', async t => {
  const world = worldOf()
  async function* stdin() {
    yield Buffer.from(svid.chainPem.slice(0, 100))
    yield Buffer.from(svid.chainPem.slice(100))
  }
  t.equal(await inspectCommand({ targets: ['-'], flags: { output: ['json'], at: [now] } }, world, stdin()), 0)
  t.equal(JSON.parse(world.out()).id, 'spiffe://a.test/api')
  const program = fileURLToPath(new URL('../../cli/probe.mjs', import.meta.url))
  t.match(execFileSync(process.execPath, [program, 'inspect', '-'], { input: svid.chainPem, encoding: 'utf8' }), /^stdin {2}X509-SVID/)
})

t.test('control characters of a certificate do not reach the terminal', async t => {
  const evil = await root.issue({ uris: ['spiffe://a.test/x'], commonName: 'a\u001b[31mb' })
  t.notOk((await run(file('evil.pem', evil.certPem), '--at', now)).out.includes('\u001b'))
})

const jsonOf = (text: string) => file(`${text.length}.json`, text)
const unreadable: [name: string, args: () => string[], ...lines: RegExp[]][] = [
  ['no file', () => [], /no file, want one/],
  ['two files', () => [chain, chain], /2 files, want one/],
  ['a file that is not there', () => [join(folder, 'gone')], /no such file/],
  ['a folder', () => [folder], /is a directory/],
  ['an empty file', () => [file('empty', '')], /is empty/],
  ['a text', () => [file('text', 'hello')], /neither PEM, DER, JSON nor a JWT/],
  ['a truncated bundle', () => [jsonOf('{"keys":[{"kty":"EC"')], /bundle_malformed: not whole JSON: it ends in the middle/],
  ['a bundle nested 1,000 deep', () => [jsonOf(`{"keys":${'['.repeat(1000)}${']'.repeat(1000)}}`)], /nested more than 32 deep/],
  ['50 MB', () => [file('large', Buffer.alloc(50_000_000, '{'))], /larger than 4 MiB/],
  ['a truncated PEM', () => [file('cut.pem', svid.certPem.slice(0, 200))], /has no end: the file is truncated/],
  ['a damaged certificate', () => [vector('x509bundle/corrupted.pem')], /not one whole DER certificate/],
  ['a truncated DER', () => [file('cut.der', svid.der.subarray(0, 100))], /truncated/],
  ['a key alone', () => [vector('x509svid/key-pkcs8-rsa.pem')], /a private key and no certificate/],
  ['a DER key alone', () => [vector('x509svid/keyEC.der')], /a private key and no certificate/],
  ['a token with two parts', () => [file('two', 'aaaa.bbbb')], /token_malformed: the token has 2 parts/],
  ['a bundle option without a file', () => [chain, '--bundle', 'a.test'], /--bundle: got "a\.test", want/],
  ['the same trust domain twice', () => [chain, '--bundle', bundle, '--bundle', bundle], /given twice; bundles are never pooled/],
  ['a bundle that is not there', () => [chain, '--bundle', 'a.test=/nowhere'], /--bundle: \/nowhere: no such file/],
  [
    'a bad ID, a bad time and a bad output',
    () => [chain, '--expect-id', 'x', '--at', '2021-02-30T00:00:00Z', '--output', 'xml'],
    /--expect-id/,
    /--at/,
    /--output/,
  ],
  ['an unknown option', () => [chain, '--audiense', 'x'], /--audiense: unknown option of inspect, did you mean --audience\?/],
]
for (const [name, args, ...lines] of unreadable)
  t.test(`${name} is exit code 2 with its reason`, async t => {
    const { code, out, err } = await run(...args())
    t.equal(code, 2)
    t.equal(out, '')
    t.equal(err.trimEnd().split('\n').length, lines.length, err)
    for (const line of lines) t.match(err, line)
  })

t.test('the help lists the options', async t => {
  const { code, out } = await run('--help')
  t.equal(code, 0)
  for (const option of ['--bundle <td>=<file>', '--ca', '--expect-id', '--audience', '--at', '--output']) t.ok(out.includes(option), option)
})

t.test('this command is not loaded for the others', async t => {
  const source = readFileSync(new URL('../../cli/main.ts', import.meta.url), 'utf8')
  t.notMatch(source, /^import .*inspect/m)
})
