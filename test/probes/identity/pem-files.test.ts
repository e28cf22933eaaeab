import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import t from 'tap'
import { judgeNoSvid } from '../../../probes/identity/identity.ts'
import { openPemFiles } from '../../../probes/identity/pem-files.ts'
import { openIdentity } from '../../../probes/identity/source.ts'
import { makeTrustDomain } from '../../servers/spiffe.ts'
import { startWorkloadApi, stateOf } from '../../servers/workload-api.ts'

const a = await makeTrustDomain('a.test')
const [one, two] = [await a.issue({ path: '/one', below: 1 }), await a.issue({ path: '/two' })]
const signal = AbortSignal.timeout(60_000)

function makeDirectory(t: { teardown: (fn: () => void) => void }) {
  const directory = mkdtempSync(join(tmpdir(), 'pem-files-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const write = (name: string, text: string): string => {
    const path = join(directory, name)
    writeFileSync(`${path}.new`, text)
    renameSync(`${path}.new`, path)
    return path
  }
  return { directory, write }
}

t.test('certificate, key, authorities and bundles, also in one file', async t => {
  const { write } = makeDirectory(t)
  const [cert, key, ca] = [write('cert', one.chainPem), write('key', one.keyPem), write('ca', a.bundlePem())]
  const bundles = { 'a.test': write('a.json', a.document()), 'spiffe://b.test': write('b.pem', a.bundlePem()) }
  const identity = await openPemFiles({ cert, key, ca, bundles })(signal)
  t.same(identity.problems, [])
  t.match(identity.svids, [{ id: one.id }])
  t.equal(identity.svids[0]!.key.reveal().trim(), one.keyPem.trim())
  t.same([...identity.bundles.keys()], ['a.test', 'b.test'])
  t.equal(identity.bundles.get('a.test')!.document, a.document())
  t.equal(identity.bundles.get('a.test')!.authoritiesPem, identity.bundles.get('b.test')!.authoritiesPem)
  t.ok(identity.caPem)
  const both = await openPemFiles({ cert: write('both', one.keyPem + one.chainPem) })(signal)
  t.match(both, { svids: [{ id: one.id }], problems: [] })
})

t.test('a renewal is seen at the next use, by rename and by a Kubernetes volume', async t => {
  const { directory, write } = makeDirectory(t)
  const read = openPemFiles({ cert: write('cert', one.chainPem), key: write('key', one.keyPem) })
  const before = await read(signal)
  t.equal((await read(signal)).svids[0], before.svids[0], 'nothing is parsed again while nothing changes')
  write('cert', two.chainPem)
  write('key', two.keyPem)
  t.match(await read(signal), { svids: [{ id: two.id }], problems: [] })

  for (const [name, svid] of [
    ['v1', one],
    ['v2', two],
  ] as const) {
    mkdirSync(join(directory, name))
    write(`${name}/cert`, svid.chainPem)
    write(`${name}/key`, svid.keyPem)
  }
  symlinkSync('v1', join(directory, '..data'))
  symlinkSync('..data/cert', join(directory, 'k8s-cert'))
  symlinkSync('..data/key', join(directory, 'k8s-key'))
  const volume = openPemFiles({ cert: join(directory, 'k8s-cert'), key: join(directory, 'k8s-key') })
  t.match(await volume(signal), { svids: [{ id: one.id }] })
  symlinkSync('v2', join(directory, '..data_tmp'))
  renameSync(join(directory, '..data_tmp'), join(directory, '..data'))
  t.match(await volume(signal), { svids: [{ id: two.id }], problems: [] })
})

t.test('a pair that does not fit, or is half written, leaves the last good one in use and says so', async t => {
  const { write, directory } = makeDirectory(t)
  const paths = { cert: write('cert', one.chainPem), key: write('key', one.keyPem) }
  const read = openPemFiles(paths)
  await read(signal)
  for (const spoil of [
    () => write('cert', two.chainPem),
    () => truncateSync(paths.cert, 100),
    () => truncateSync(paths.cert, 0),
    () => rmSync(paths.cert),
  ]) {
    spoil()
    const identity = await read(signal)
    t.match(identity, {
      svids: [{ id: one.id }],
      problems: [{ code: 'file_stale', reason: null, detail: 'the last good one is still in use' }],
    })
    t.match(identity.problems[0]!.detail, directory)
  }
  write('cert', two.chainPem)
  write('key', two.keyPem)
  t.match(await read(signal), { svids: [{ id: two.id }], problems: [] })
})

t.test('every bad file has its reason, and no reason shows a key', async t => {
  const { directory, write } = makeDirectory(t)
  const cert = write('cert', one.chainPem)
  const key = write('key', one.keyPem)
  const secretLine = one.keyPem.split('\n')[1]!
  const encrypted =
    '-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END EC PRIVATE KEY-----\n'
  for (const [paths, code, detail] of [
    [{ cert: join(directory, 'none'), key }, 'file_unreadable', 'no such file'],
    [{ cert: directory, key }, 'file_unreadable', 'a directory'],
    [{ cert: write('empty', ''), key }, 'file_invalid', 'is empty'],
    [{ cert: key, key }, 'file_invalid', 'no certificate'],
    [{ cert, key: cert }, 'file_invalid', 'no private key'],
    [{ cert, key: write('wrong', two.keyPem) }, 'file_key_mismatch', 'does not fit'],
    [{ cert, key: write('cut', one.keyPem.slice(0, 90)) }, 'file_invalid', 'cut off'],
    [{ cert, key: write('bent', one.keyPem.replace(secretLine.slice(0, 30), '')) }, 'file_invalid', 'cannot be parsed'],
    [{ cert, key: write('locked', encrypted) }, 'file_invalid', 'encrypted'],
    [{ key }, 'file_invalid', 'without its certificate'],
    [{ ca: write('ca', `${a.bundlePem()}${one.keyPem}`) }, 'file_invalid', 'private key in it'],
    [{ bundles: { 'a.test': write('b0', '') } }, 'file_invalid', 'is empty'],
    [{ bundles: { 'a.test': write('b1', a.document().slice(0, -9)) } }, 'file_invalid', 'not whole'],
    [{ bundles: { 'a.test': write('b2', '{"spiffe_sequence":1}') } }, 'file_invalid', 'no member "keys"'],
    [
      { bundles: { 'a.test': write('b3', a.document({ extraKeys: [{ kty: 'EC', d: secretLine }] })) } },
      'file_invalid',
      'private key in it',
    ],
    [{ bundles: { 'a.test': write('b4', a.bundlePem() + one.keyPem) } }, 'file_invalid', 'private key in it'],
    [{ bundles: { 'a.test': write('b5', 'hello') } }, 'file_invalid', 'no certificate'],
    [
      { bundles: { 'a.test': write('b6', `{"keys":${'['.repeat(1000)}${']'.repeat(1000)},"x":`) } },
      'file_invalid',
      'nested more than 32 deep',
    ],
    [{ bundles: { 'A/b': write('b7', a.bundlePem()) } }, 'file_invalid', 'trust domain'],
    [{ bundles: { 'a.test': write('b8', 'x'.repeat(9 * 1024 * 1024)) } }, 'file_unreadable', 'want at most'],
    [{ bundles: { 'a.test': '/dev/zero' } }, 'file_unreadable', 'not a plain file'],
  ] as const) {
    const identity = await openPemFiles(paths)(signal)
    t.match(identity.problems, [{ code, reason: 'config_invalid', detail }], `${detail}: ${JSON.stringify(identity.problems)}`)
    t.notMatch(inspect(identity, { depth: 9 }) + JSON.stringify(identity), secretLine)
    t.match(judgeNoSvid(identity), { kind: 'unmeasured', reason: 'config_invalid' })
  }
})

t.test('an empty bundle document is a statement, not a mistake', async t => {
  const { write } = makeDirectory(t)
  const identity = await openPemFiles({ bundles: { 'a.test': write('a', '{"keys":[]}') } })(signal)
  t.same(identity.problems, [])
  t.equal(identity.bundles.get('a.test')!.authorities, 0)
})

t.test('none, files and a Workload API through one door; files come first', async t => {
  const { write } = makeDirectory(t)
  t.match(await openIdentity({})(signal), { source: 'none', svids: [], problems: [] })
  const api = await startWorkloadApi(stateOf(a, [two]))
  t.teardown(api.close)
  const files = { cert: write('cert', one.chainPem), key: write('key', one.keyPem) }
  t.match(await openIdentity(files)(signal), { svids: [{ id: one.id }] })
  t.match(await openIdentity({ workloadApi: api.address })(signal), { svids: [{ id: two.id }] })
  const both = await openIdentity({ ...files, workloadApi: api.address })(signal)
  t.same(
    both.svids.map(svid => svid.id),
    [one.id, two.id],
  )
  t.ok(both.bundles.has('a.test'))
})
