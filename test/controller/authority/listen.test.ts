import t from 'tap'
import { judgeListen, servedNames } from '../../../controller/authority/listen.ts'

const files = { cert: 'c.pem', key: 'k.pem' }

t.test('plain HTTP is for loopback, and everything else has TLS', async t => {
  const cases: [string, Parameters<typeof judgeListen>[1], object][] = [
    ['127.0.0.1:8080', undefined, { ok: true, value: { host: '127.0.0.1', port: 8080, scheme: 'http' } }],
    ['127.9.9.9:8080', 'off', { ok: true, value: { scheme: 'http' } }],
    ['[::1]:0', undefined, { ok: true, value: { host: '::1', port: 0, scheme: 'http' } }],
    ['[::ffff:127.0.0.1]:80', 'off', { ok: true, value: { scheme: 'http' } }],
    ['localhost:8080', undefined, { ok: true, value: { scheme: 'http' } }],
    ['127.0.0.1:8443', files, { ok: true, value: { scheme: 'https' } }],
    ['0.0.0.0:8443', undefined, { ok: true, value: { host: '0.0.0.0', port: 8443, scheme: 'https' } }],
    ['[::]:0', files, { ok: true, value: { host: '::', port: 0, scheme: 'https' } }],
    ['controller.example:8443', undefined, { ok: true, value: { scheme: 'https' } }],
    ['localhost.example:8443', 'off', { ok: false, problems: [/tls is off.*127\.0\.0\.1/] }],
    ['0.0.0.0:8080', 'off', { ok: false, problems: [/tls is off/] }],
    ['[::]:8080', 'off', { ok: false }],
    ['10.0.0.1:8080', 'off', { ok: false }],
    ['128.0.0.1:8080', 'off', { ok: false }],
    ['8443', undefined, { ok: false, problems: [/want address:port/] }],
    ['127.0.0.1', undefined, { ok: false }],
    ['tcp://127.0.0.1:1', undefined, { ok: false }],
    ['127.0.0.1:70000', undefined, { ok: false }],
    ['', undefined, { ok: false }],
  ]
  for (const [address, tls, wanted] of cases) t.match(judgeListen(address, tls), wanted, `${address} ${JSON.stringify(tls)}`)
})

t.test('a certificate is for all by which the server may be reached', async t => {
  const machine = { hostname: 'Node-1.', addresses: ['127.0.0.1', '10.0.0.7', 'fe80::1%eth0', '10.0.0.7'] }
  t.strictSame(servedNames({ listen: { host: '0.0.0.0' }, advertise: ['controller.example', '192.0.2.1'], ...machine }), [
    'controller.example',
    '192.0.2.1',
    'node-1',
    'localhost',
    '127.0.0.1',
    '10.0.0.7',
    'fe80::1',
  ])
  t.strictSame(servedNames({ listen: { host: '10.0.0.7' }, advertise: [], ...machine }), ['10.0.0.7'])
  t.strictSame(servedNames({ listen: { host: '::' }, advertise: [], hostname: 'my machine', addresses: ['::1'] }), ['localhost', '::1'])
})
