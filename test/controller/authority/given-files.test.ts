import { execFileSync } from 'node:child_process'
import { createPrivateKey } from 'node:crypto'
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { pinOf } from '../../../controller/authority/mint.ts'
import { daysFromNow, makeAuthority } from '../../servers/authority.ts'
import { dial, findByPin, makeDirectory, openTls, serve } from './files.ts'

const setUp = async (t: Test) => {
  const directory = makeDirectory(t)
  const files = { cert: join(directory, 'tls.crt'), key: join(directory, 'tls.key'), ca: join(directory, 'ca.crt') }
  const root = await makeAuthority({ name: 'root' })
  const middle = await root.intermediate({ name: 'middle' })
  const issue = (more = {}) => middle.issue({ addresses: ['127.0.0.1'], ...more })
  const write = (texts: Partial<Record<keyof typeof files, string>>) => {
    for (const [name, text] of Object.entries(texts)) writeFileSync(files[name as keyof typeof files], text)
  }
  return { directory, files, root, middle, issue, write }
}

t.test('given files are served, and there is no authority of its own', async t => {
  const { directory, files, root, issue, write } = await setUp(t)
  const { chainPem, keyPem } = await issue()
  write({ cert: chainPem, key: keyPem, ca: root.certPem })
  const tls = await openTls(t, { directory, files })
  t.equal(tls.current().caPin, pinOf(root.certPem))
  const { port } = await serve(t, tls)
  const socket = await dial(port, { ca: (await findByPin(port, pinOf(root.certPem)))! })
  t.ok(socket.authorized, 'the root is sent too, for who knows its fingerprint alone')
  socket.destroy()
  await t.rejects(dial(port, {}), 'and the system trusts it not')
  const { cert, key } = files
  t.match(
    (await openTls(t, { directory, files: { cert, key } })).current(),
    { caPem: undefined, caPin: undefined },
    'a public one needs no pin',
  )
})

t.test('new files are served as soon as they are there; bad ones are a problem, and the former go on', async t => {
  const { directory, files, root, issue, write } = await setUp(t)
  const [first, second] = [await issue(), await issue()]
  write({ cert: first.chainPem, key: first.keyPem, ca: root.certPem })
  const tls = await openTls(t, { directory, files, lookEveryMs: 20 })
  const { port } = await serve(t, tls)
  write({ key: second.keyPem })
  await tls.look()
  t.match(tls.problems(), [/not that of the first certificate.*what was shown before goes on/])
  const between = await dial(port, { ca: root.certPem })
  between.destroy()
  const changed = new Promise<void>(resolve => void tls.onChange(resolve))
  write({ cert: second.chainPem })
  await changed
  t.strictSame(tls.problems(), [])
  const after = await dial(port, { ca: root.certPem })
  t.strictSame(after.getPeerX509Certificate()!.raw, second.der)
  after.destroy()
  rmSync(files.cert)
  await tls.look()
  t.match(tls.problems(), [/tls\.crt cannot be read \(ENOENT\): put it there/])
  t.ok(tls.current().chainPem.length > 0)
})

t.test('what cannot be served is said by file and remedy', async t => {
  const { directory, files, root, middle, issue, write } = await setUp(t)
  const { certPem, chainPem, keyPem } = await issue()
  const other = await makeAuthority({ name: 'other' })
  const encrypted = createPrivateKey(keyPem).export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }) as string
  const good = { cert: chainPem, key: keyPem, ca: root.certPem }
  const cases: Record<string, [Partial<typeof good>, RegExp]> = {
    'swapped files': [
      { cert: keyPem, key: chainPem },
      /tls\.crt holds a private key and no certificate: are the two files swapped\?.*tls\.key: holds no private key/,
    ],
    'an empty certificate': [{ cert: '' }, /tls\.crt holds no certificate/],
    'a truncated certificate': [{ cert: chainPem.slice(0, 300) }, /tls\.crt: .*truncated/],
    'nonsense in PEM': [{ cert: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' }, /tls\.crt .*no certificate between/],
    'an empty key': [{ key: '' }, /tls\.key: holds no private key/],
    'nonsense for a key': [{ key: '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n' }, /tls\.key .*cannot be read/],
    'a key with a passphrase': [{ key: encrypted }, /tls\.key is encrypted.*openssl pkey/],
    "another certificate's key": [{ key: (await issue()).keyPem }, /tls\.key is not that/],
    'a chain in the wrong order': [
      { cert: middle.certPem + certPem, key: middle.keyPem },
      /certificate 2 .* did not issue the one before it/,
    ],
    'no intermediate': [{ cert: certPem }, /does not lead to a certificate in .*ca\.crt/],
    'another authority': [{ ca: other.certPem }, /does not lead to a certificate in .*ca\.crt/],
    'an authority that is a key': [{ ca: keyPem }, /ca\.crt holds a private key/],
  }
  for (const [name, [change, message]] of Object.entries(cases)) {
    write({ ...good, ...change })
    await t.rejects(openTls(t, { directory, files }), { name: 'BadTlsFile', message }, name)
  }
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:1024', '-nodes', '-subj', '/CN=short', '-keyout', files.key, '-out', files.cert],
    { stdio: 'pipe' },
  )
  const { cert, key } = files
  await t.rejects(
    openTls(t, { directory, files: { cert, key } }),
    { message: /tls\.crt is refused by OpenSSL \(.*small\): want/ },
    'a short key',
  )
  rmSync(files.key)
  await t.rejects(openTls(t, { directory, files }), { message: /tls\.key cannot be read \(ENOENT\)/ })
  await t.rejects(openTls(t, { directory, files: { ...files, cert: directory } }), { message: /EISDIR/ })
})

t.test('a certificate that has expired is served and said: a new one may come at any moment', async t => {
  const { directory, files, root, issue, write } = await setUp(t)
  const old = await issue({ notBefore: daysFromNow(-3), notAfter: daysFromNow(-1) })
  write({ cert: old.chainPem, key: old.keyPem, ca: root.certPem })
  const tls = await openTls(t, { directory, files })
  t.match(tls.problems(), [/tls\.crt expired at .*write a new one/])
  const fresh = await issue()
  write({ cert: fresh.chainPem, key: fresh.keyPem })
  await tls.look()
  t.strictSame(tls.problems(), [])
  const { port, server } = await serve(t, tls)
  const socket = await dial(port, { ca: root.certPem })
  socket.destroy()
  await once(socket, 'close')
  t.ok(server.listening)
})
