import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { chmodSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import t from 'tap'
import { authorityLifeMs, pinOf, serverLifeMs } from '../../../controller/authority/mint.ts'
import { loadOwnAuthority } from '../../../controller/authority/own-authority.ts'
import { openPostgres } from '../../../controller/store/postgres.ts'
import { openSqlite } from '../../../controller/store/sqlite.ts'
import { parseJoinToken, printJoinToken } from '../../../wire/join-token.ts'
import { readCertificates } from '../enrol/certificates.ts'
import { needsPostgres, startCluster } from '../store/postgres-cluster.ts'
import { dial, findByPin, makeDirectory, openTls, random, serve } from './files.ts'

const dayMs = 86_400_000

t.test('the first start makes an authority, and every later one has the same', async t => {
  const directory = makeDirectory(t)
  const first = await openTls(t, { directory })
  const again = await openTls(t, { directory })
  const { caPem, caPin, key } = first.current()
  t.equal(statSync(join(directory, 'ca.key')).mode & 0o777, 0o600)
  t.equal(readFileSync(join(directory, 'ca.pem'), 'utf8'), caPem)
  t.notOk(existsSync(join(directory, 'ca.key.new')))
  t.equal(again.current().caPin, caPin)
  t.not(again.current().chainPem, first.current().chainPem, 'the certificate that is shown is of one life of the process')
  t.match(parseJoinToken(printJoinToken(random(32), caPin).reveal()), { ok: true, value: { caPin } })
  const shown = inspect(first.current(), { depth: 9, showHidden: true }) + JSON.stringify(first.current())
  t.notMatch(shown, /PRIVATE/)
  t.notOk(shown.includes(key.reveal().slice(60, 100)))
  t.strictSame(first.problems(), [])
})

t.test('its certificates say what RFC 5280 wants, and others read them', async t => {
  const directory = makeDirectory(t)
  const nowMs = Date.now()
  const names = ['controller.example', '192.0.2.7', '2001:db8::7']
  const { chainPem, caPem } = (await openTls(t, { directory, names, nowMs: () => nowMs })).current()
  const [leaf, above] = readCertificates([chainPem])
  t.match(above, { basicConstraints: { ca: true, pathLength: 0 }, nameConstraints: null, keyUsage: { critical: true } })
  t.match(above!.subject, /^CN=causeway controller [0-9a-f]{8}$/)
  t.strictSame([...above!.keyUsage!.bits].sort(), ['cRLSign', 'keyCertSign'])
  t.match(leaf, {
    basicConstraints: { ca: false },
    issuer: above!.subject,
    authorityKeyId: above!.subjectKeyId!,
    extendedKeyUsage: ['1.3.6.1.5.5.7.3.1'],
  })
  t.strictSame([...leaf!.keyUsage!.bits], ['digitalSignature'])
  t.strictSame(leaf!.names.dns, ['controller.example'])
  for (const address of names.slice(1)) t.equal(leaf!.x509.checkIP(address), address)
  const seconds = (ms: number) => Math.floor(ms / 1000)
  t.equal(seconds(above!.notAfterMs), seconds(nowMs + authorityLifeMs))
  t.equal(seconds(leaf!.notAfterMs), seconds(nowMs + serverLifeMs))
  t.ok(leaf!.notBeforeMs < nowMs - 60_000, "an agent's clock may be behind")
  t.match(leaf!.x509.publicKey.asymmetricKeyDetails, { namedCurve: 'prime256v1' })
  writeFileSync(join(directory, 'leaf.pem'), chainPem)
  writeFileSync(join(directory, 'root.pem'), caPem!)
  const said = execFileSync('openssl', [
    'verify',
    '-x509_strict',
    '-purpose',
    'sslserver',
    '-verify_ip',
    '2001:db8::7',
    '-CAfile',
    join(directory, 'root.pem'),
    join(directory, 'leaf.pem'),
  ])
  t.match(String(said), /: OK/)
})

t.test('who knows the fingerprint alone finds the authority in the handshake, and trusts nothing else', async t => {
  const tls = await openTls(t, { directory: makeDirectory(t) })
  const { port } = await serve(t, tls)
  const ca = await findByPin(port, tls.current().caPin!)
  t.ok(ca)
  const socket = await dial(port, { ca: ca! })
  t.ok(socket.authorized)
  socket.destroy()
  const stranger = await openTls(t, { directory: makeDirectory(t) })
  t.equal(await findByPin(port, stranger.current().caPin!), undefined)
  await t.rejects(dial(port, { ca: stranger.current().caPem! }))
  await t.rejects(dial(port, { ca: ca!, servername: 'elsewhere.example' }), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
})

t.test('the certificate is made anew after two thirds of its life, and open connections go on', async t => {
  let nowMs = Date.now() - 61 * dayMs
  const tls = await openTls(t, { directory: makeDirectory(t), nowMs: () => nowMs })
  const { port } = await serve(t, tls)
  const ca = tls.current().caPem!
  const before = await dial(port, { ca })
  const shown = tls.current().chainPem
  nowMs += 59 * dayMs
  await tls.look()
  t.equal(tls.current().chainPem, shown)
  nowMs += 1.1 * dayMs
  await tls.look()
  t.not(tls.current().chainPem, shown)
  t.equal(tls.current().caPem, ca)
  const after = await dial(port, { ca })
  t.not(after.getPeerX509Certificate()!.fingerprint256, before.getPeerX509Certificate()!.fingerprint256)
  t.notOk(before.destroyed)
  before.destroy()
  after.destroy()
})

t.test('no certificate outlives the authority, whose end is told', async t => {
  const directory = makeDirectory(t)
  const startMs = Date.now()
  await openTls(t, { directory, nowMs: () => startMs })
  let nowMs = startMs + authorityLifeMs - 30 * dayMs
  const tls = await openTls(t, { directory, nowMs: () => nowMs })
  const { chainPem, caPem } = tls.current()
  t.equal(new X509Certificate(chainPem).validTo, new X509Certificate(caPem!).validTo)
  t.strictSame(tls.problems(), [])
  nowMs += 25 * dayMs
  await tls.look()
  t.equal(tls.current().chainPem, chainPem, 'a new one would end no later')
  t.match(tls.problems(), [/expires at/])
  nowMs += 6 * dayMs
  t.match(tls.problems(), [/expired at/])
  nowMs = startMs - dayMs
  t.match(tls.problems(), [/is the clock right/])
})

t.test('what is damaged is said with its remedy, and never replaced', async t => {
  const start = async (damage: (directory: string) => void) => {
    const directory = makeDirectory(t)
    await openTls(t, { directory })
    damage(directory)
    return openTls(t, { directory })
  }
  const write = (name: string, text: string) => (directory: string) => writeFileSync(join(directory, name), text)
  const remedy = /ca\.(pem|key).*(restore|readable)/
  await t.rejects(
    start(directory => rmSync(join(directory, 'ca.key'))),
    { name: 'BadTlsFile', message: remedy },
  )
  await t.rejects(start(write('ca.key', 'rubbish')), { message: remedy })
  await t.rejects(start(write('ca.pem', '')), { message: remedy })
  const other = makeDirectory(t)
  await openTls(t, { directory: other })
  await t.rejects(start(write('ca.key', readFileSync(join(other, 'ca.key'), 'utf8'))), {
    message: /not that of the first certificate.*restore/,
  })
  const leaf = (await openTls(t, { directory: other })).current()
  await t.rejects(
    start(directory => {
      write('ca.pem', leaf.chainPem)(directory)
      write('ca.key', leaf.key.reveal())(directory)
    }),
    { message: /not the certificate of an authority/ },
  )
  t.match(
    await start(directory => rmSync(join(directory, 'ca.pem'))),
    {},
    'a first start that ended between key and certificate is begun again',
  )
  const file = join(makeDirectory(t), 'a-file')
  writeFileSync(file, '')
  await t.rejects(openTls(t, { directory: join(file, 'data') }), { message: /cannot be (kept|read).*(ENOTDIR)/ })
})

t.test(
  'a data directory that cannot be written is said',
  { skip: process.getuid?.() === 0 ? 'root may write everywhere: run as another user' : false },
  async t => {
    const directory = makeDirectory(t)
    chmodSync(directory, 0o500)
    await t.rejects(openTls(t, { directory }), { message: /EACCES.*make it writable/ })
  },
)

t.test('replicas on one PostgreSQL have one authority, also when all start at once', { skip: needsPostgres }, async t => {
  const cluster = await startCluster()
  t.teardown(() => cluster.remove())
  const { url } = await cluster.database()
  const stores = await Promise.all([1, 2, 3].map(() => openPostgres({ url })))
  const directory = makeDirectory(t)
  const replicas = await Promise.all(stores.map(store => openTls(t, { directory, store })))
  t.equal(new Set(replicas.map(tls => tls.current().caPin)).size, 1)
  t.equal(new Set(replicas.map(tls => tls.current().chainPem)).size, 3, 'each with a key of its own below it')
  t.notOk(existsSync(join(directory, 'ca.key')))
  const { port } = await serve(t, replicas[0]!)
  const socket = await dial(port, { ca: replicas[2]!.current().caPem! })
  t.ok(socket.authorized)
  socket.destroy()
  const moved = await cluster.database()
  const single = await openTls(t, { directory })
  const store = await openPostgres({ url: moved.url })
  t.equal(
    (await openTls(t, { directory, store })).current().caPin,
    single.current().caPin,
    'one that moves to PostgreSQL takes its authority along',
  )
  await store.write(sql => sql.run('UPDATE settings SET value = \'{"certPem":"x","keyPem":"y"}\' WHERE name = \'authority/ca\''))
  await t.rejects(loadOwnAuthority({ directory, store, random, nowMs: Date.now() }), {
    message: /the setting authority\/ca in .*no certificate.*delete it/,
  })
  await Promise.all([...stores, store].map(one => one.close()))
})

t.test('with a store in a file the authority is not in it', async t => {
  const directory = makeDirectory(t)
  const store = await openSqlite({ path: join(directory, 'controller.db') })
  const { certPem } = await loadOwnAuthority({ directory, store, random, nowMs: Date.now() })
  t.match(pinOf(certPem), /^[0-9a-f]{64}$/)
  await store.close()
  t.notMatch(readFileSync(join(directory, 'controller.db'), 'latin1'), /PRIVATE KEY|authority\/ca/)
})
