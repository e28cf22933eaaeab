import { createSocket } from 'node:dgram'
import { Resolver } from 'node:dns/promises'
import { once } from 'node:events'
import { connect } from 'node:net'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { type DnsMode, parseQuestion } from './dns-message.ts'
import { startDns } from './dns-server.ts'

const records = { 'svc.test': ['10.2.0.2', '10.2.0.3', 'fd00::2'], 'six.test': ['fd00::6'] }

async function start(t: Test, mode: DnsMode, host = '127.0.0.1') {
  const server = await startDns({ mode, records, host })
  t.teardown(server.close)
  const resolver = new Resolver({ timeout: mode === 'silent' || mode === 'wrong id' ? 150 : 5000, tries: 1 })
  resolver.setServers([host.includes(':') ? `[${host}]:${server.port}` : `${host}:${server.port}`])
  return { server, resolver }
}

t.test('addresses of both families come from the table', async t => {
  for (const host of ['127.0.0.1', '::1']) {
    const { server, resolver } = await start(t, 'answer', host)
    t.same(await resolver.resolve4('SVC.test'), ['10.2.0.2', '10.2.0.3'])
    t.same(await resolver.resolve6('svc.test'), ['fd00::2'])
    await t.rejects(resolver.resolve4('none.test'), { code: 'ENOTFOUND' })
    await t.rejects(resolver.resolve4('six.test'), { code: 'ENODATA' })
    t.equal(server.queries(), 4)
  }
})

const refusals: [DnsMode, string][] = [
  ['silent', 'ETIMEOUT'],
  ['SERVFAIL', 'ESERVFAIL'],
  ['REFUSED', 'EREFUSED'],
  ['garbage', 'EBADRESP'],
  ['wrong id', 'ETIMEOUT'],
  ['NODATA', 'ENODATA'],
]

for (const [mode, code] of refusals) {
  t.test(`${mode} is ${code} to a resolver`, async t => {
    const { server, resolver } = await start(t, mode)
    await t.rejects(resolver.resolve4('svc.test'), { code })
    t.ok(server.queries() >= 1)
  })
}

t.test('a truncated answer sends the resolver to TCP', async t => {
  const { server, resolver } = await start(t, 'truncated')
  t.same(await resolver.resolve4('svc.test'), ['10.2.0.2', '10.2.0.3'])
  t.equal(server.queries(), 2)
})

t.test('what is no query gets no answer and does no harm', async t => {
  const { server, resolver } = await start(t, 'answer')
  const udp = createSocket('udp4')
  for (const bytes of [Buffer.alloc(0), Buffer.alloc(11), Buffer.alloc(100, 0xff)]) udp.send(bytes, server.port, server.host)
  const tcp = connect(server.port, server.host).on('error', () => {})
  tcp.write(Buffer.alloc(8192, 0xff))
  await once(tcp, 'close')
  t.same(await resolver.resolve6('six.test'), ['fd00::6'])
  t.equal(server.queries(), 1)
  udp.close()
})

t.test('no message makes the parser throw', async () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), bytes => void parseQuestion(Buffer.from(bytes))))
})

t.test('close is close', async t => {
  const { server } = await start(t, 'answer')
  const tcp = connect(server.port, server.host)
  await once(tcp, 'connect')
  const gone = once(tcp, 'close')
  await server.close()
  await gone
  await server.close()
  const again = await startDns({ port: server.port, host: server.host })
  await again.close()
  t.equal(again.port, server.port)
})
