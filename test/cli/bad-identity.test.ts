/** Identities that are broken, through the real command: a reason each, in bounded time and memory, and no word of a private key. */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync } from 'node:fs'
import { createServer as createHttp } from 'node:http'
import type { Server } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { RunDocument } from '../../wire/result.ts'
import { probe } from '../lab/probe-in.ts'
import { runProgram } from '../lab/run-program.ts'
import { makeSvidFolder } from '../lab/svid-files.ts'
import { makeAuthority } from '../servers/authority.ts'
import { bundleEndpoints } from '../servers/bundle-endpoint.ts'
import { startMtls } from '../servers/mtls-servers.ts'
import { makeTrustDomain } from '../servers/spiffe.ts'
import { startWorkloadApi, stateOf } from '../servers/workload-api.ts'

const ours = await makeTrustDomain('ours.test')
const theirs = await makeTrustDomain('theirs.test')
const web = await makeAuthority({ name: 'test web root' })
const folder = makeSvidFolder()
t.teardown(() => folder.remove())
const mine = await ours.issue({ path: '/mine' })
const client = folder.svid('mine', mine)
const other = folder.svid('other', await ours.issue({ path: '/other' }))
const bundle = folder.bundle(theirs)['theirs.test']!
const secretLines = [mine.keyPem, theirs.save().authorities[0]!.keyPem].map(pem => pem.split('\n')[1]!)

/** Tells the most memory that the command ever held. */
const meter = `--import=data:text/javascript,${encodeURIComponent("process.on('exit',()=>process.stderr.write('maxrss='+process.resourceUsage().maxRSS+'\\n'))")}`
const mostBytes = 400 * 1024 * 1024
/** Of a busy machine, with the start of the command. */
const mostMs = 20_000

type Run = { status: number | null; out: string; err: string; document?: RunDocument }

const ask = async (t: Test, words: string[], before: string[] = []): Promise<Run> => {
  const start = performance.now()
  const argv = [process.execPath, probe, 'run', ...words]
  const { status, stdout, stderr } = await runProgram(argv, { NODE_OPTIONS: meter }, before)
  const rssBytes = Number(/maxrss=(\d+)/.exec(stderr)?.[1]) * 1024
  t.ok(rssBytes < mostBytes, `${Math.round(rssBytes / 1024 ** 2)} MB of memory`)
  t.ok(performance.now() - start < mostMs, `${Math.round(performance.now() - start)} ms`)
  for (const line of secretLines) t.notOk(`${stdout}${stderr}`.includes(line), 'no word of a key')
  const err = stderr.replace(/maxrss=\d+\n/, '')
  return { status, out: stdout, err, ...(stdout.startsWith('{') ? { document: JSON.parse(stdout) as RunDocument } : {}) }
}

const server = await startMtls('accepts and greets', { domain: theirs, accepts: [ours] })
t.teardown(server.close)
const target = `mtls://${server.host}:${server.port}`
const identity = ['--cert', client.certFile, '--key', client.keyFile]

/** Refused before anything is sent: exit code 2 and one line. */
const refused: [name: string, words: () => string[], says: RegExp][] = [
  ['an empty bundle file', () => withBundle(''), /the file is empty/],
  ['a truncated bundle file', () => withBundle(theirs.document().slice(0, -30)), /not whole JSON: it ends in the middle/],
  [
    'a bundle with a private key in PEM',
    () => withBundle(theirs.bundlePem() + theirs.save().authorities[0]!.keyPem),
    /there is a private key in the bundle/,
  ],
  [
    'a bundle with a private key in JSON',
    () => withBundle(theirs.document({ extraKeys: [{ kty: 'EC', use: 'jwt-svid', kid: 'x', d: secretLines[0] }] })),
    /private/,
  ],
  ['a bundle of 50 MB', () => withBundle(`{"keys":[],"x":"${'x'.repeat(50 * 1024 ** 2)}"}`), /larger than 4 MiB/],
  ['a bundle without an end', () => ['--bundle', 'theirs.test=/dev/zero'], /larger than 4 MiB/],
  ['a certificate without an end', () => ['--cert', '/dev/zero', '--key', client.keyFile], /larger than 4 MiB/],
  ['a JWK set nested 1,000 deep', () => withBundle(`{"keys":${'['.repeat(1000)}${']'.repeat(1000)}}`), /nested more than 32 deep/],
  ['an HTML page', () => withBundle('<!doctype html><title>Sign in</title>'), /not JSON|not whole JSON|JSON/],
  ['the key of another', () => ['--cert', client.certFile, '--key', other.keyFile], /is not the key of the first certificate/],
  ['a certificate file that is empty', () => ['--cert', folder.write('none.pem', ''), '--key', client.keyFile], /the file is empty/],
]
let made = 0
const withBundle = (text: string): string[] => ['--bundle', `theirs.test=${folder.write(`bundle-${(made += 1)}`, text)}`]

for (const [name, words, says] of refused)
  t.test(`${name} is refused before anything is sent`, async t => {
    const before = server.connections()
    const { status, out, err } = await ask(t, [target, ...(words().includes('--cert') ? [] : identity), ...words()])
    t.equal(status, 2, err)
    t.equal(out, '')
    t.match(err, says)
    t.equal(server.connections(), before)
  })

t.test('PEM instead of JSON is taken as what it is', async t => {
  const file = folder.write('theirs.pem', theirs.bundlePem())
  const { document } = await ask(t, [target, ...identity, '--bundle', `theirs.test=${file}`, '--output', 'json'])
  t.equal(document?.verdict, 'ok')
})

const listen = async (t: Test, one: Server, path: string): Promise<string> => {
  await new Promise<void>(resolve => void one.listen(path, resolve))
  t.teardown(() => one.close())
  return path
}

/** What listens is not a Workload API: exit code 3, since nothing was measured. */
t.test('a socket that is none has its reason', async t => {
  mkdirSync(join(folder.path, 'there'))
  const http1 = createHttp((_, response) => response.end('hello')) as unknown as Server
  for (const [name, path, says] of [
    ['missing', join(folder.path, 'there', 'none.sock'), /no such file/],
    ['a plain file', folder.write('plain', 'x'), /plain file/],
    ['HTTP/1', await listen(t, http1, join(folder.path, 'http1.sock')), /HTTP\/1/],
  ] as const) {
    const { status, document } = await ask(t, [
      target,
      '--workload-api',
      `unix://${path}`,
      '--bundle',
      `theirs.test=${bundle}`,
      '--output',
      'json',
    ])
    t.equal(status, 3, name)
    t.match(document?.results.at(-1)?.outcome, { kind: 'unmeasured', reason: 'local_svid_unavailable', detail: says }, name)
    t.strictSame(
      document?.diagnosis.map(({ cause }) => cause),
      ['prober_at_fault'],
      `${name}: nothing is blamed but this machine`,
    )
  }
})

const canDrop = spawnSync('setpriv', ['--version']).status === 0 && process.geteuid?.() === 0
t.test('a socket without permission', { skip: canDrop ? false : 'needs root and setpriv: sudo npm test' }, async t => {
  const api = await startWorkloadApi(stateOf(ours, [mine], [theirs]), { path: join(folder.path, 'closed.sock') })
  t.teardown(api.close)
  chmodSync(api.path, 0o700)
  const before = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
  const { status, document } = await ask(t, [target, '--workload-api', api.address, '--output', 'json'], before)
  t.equal(status, 3)
  t.match(document?.results.at(-1)?.outcome, { reason: 'local_svid_unavailable', detail: /permission denied for uid 65534/ })
})

t.test('a bundle of 50 MB from an endpoint, one nested 1,000 deep, one with a private key', async t => {
  const endpoint = await bundleEndpoints.https_web(theirs, web)
  t.teardown(endpoint.close)
  const ca = folder.write('web.pem', web.certPem)
  for (const [answer, says] of [
    ['huge', /more than 4194304 bytes/],
    ['nested 1,000 deep', /nested more than 32 deep/],
    ['private key in it', /private/],
    ['PEM', /PEM, want a JWK set/],
    ['nothing at all', /empty/],
    ['malformed', /ends in the middle/],
  ] as const) {
    endpoint.setAnswer(answer)
    const words = [`bundle+https://${endpoint.host}:${endpoint.port}/`, '--ca', ca, '--trust-domain', 'theirs.test', '--output', 'json']
    const { status, document, out } = await ask(t, words)
    t.equal(status, 1, answer)
    t.match(document?.results.at(-1)?.outcome, { kind: 'fail', reason: 'bundle_malformed', detail: says }, answer)
    t.notMatch(out, /c2VjcmV0LWNhbmFyeQ/)
  }
})

t.test('an SVID with 10,000 names is said to be too large, and not to be untrusted', async t => {
  const large = await startMtls('accepts and says nothing', { domain: theirs, accepts: [ours], svid: { fault: '10,000 names' } })
  t.teardown(large.close)
  const words = [`mtls://${large.host}:${large.port}`, ...identity, '--bundle', `theirs.test=${bundle}`, '--output', 'json']
  const { status, document } = await ask(t, words)
  t.equal(status, 1)
  t.match(document?.results.at(-1)?.outcome, { detail: /larger than OpenSSL accepts, 100 kB/ })
  t.match(document?.diagnosis, [{ summary: /more than 100 kB of certificates/ }])
})
