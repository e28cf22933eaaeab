import { spawn } from 'node:child_process'
import { Resolver } from 'node:dns/promises'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { connect } from 'node:tls'
import t from 'tap'
import { makeAuthority } from './authority.ts'
import type { Ready, Spec } from './main.ts'

const program = new URL('main.ts', import.meta.url).pathname

function run(spec: Spec | string) {
  const child = spawn(process.execPath, [program, typeof spec === 'string' ? spec : JSON.stringify(spec)])
  t.teardown(() => child.kill('SIGKILL'))
  const ready = async () => JSON.parse(String((await once(createInterface(child.stdout), 'line'))[0])) as Ready
  return { child, ready, exit: once(child, 'exit') }
}

t.test('all kinds in one process, until stdin closes', async t => {
  const { child, ready, exit } = run([
    { kind: 'tls', variant: 'healthy', names: ['a.test'] },
    { kind: 'tcp', variant: 'smtp greeting' },
    { kind: 'dns', records: { 'a.test': ['10.0.0.7'] } },
  ])
  const { servers, caPem } = await ready()
  const [tls, , dns] = servers
  const socket = connect({ host: '127.0.0.1', port: tls!.port, ca: caPem, servername: 'a.test' })
  await once(socket, 'secureConnect')
  t.ok(socket.authorized)
  socket.destroy()
  const resolver = new Resolver()
  resolver.setServers([`127.0.0.1:${dns!.port}`])
  t.same(await resolver.resolve4('a.test'), ['10.0.0.7'])
  child.stdin.end()
  t.same(await exit, [0, null])
})

t.test('the certificate authority can be given', async t => {
  const { certPem: caCertPem, keyPem: caKeyPem } = await makeAuthority({ name: 'given' })
  const { child, ready, exit } = run({ caCertPem, caKeyPem, names: ['b.test'], servers: [{ kind: 'tls', variant: 'small EC chain' }] })
  const { servers, caPem } = await ready()
  t.equal(caPem, caCertPem)
  const socket = connect({ host: '127.0.0.1', port: servers[0]!.port, ca: caCertPem, servername: 'b.test' })
  await once(socket, 'secureConnect')
  t.ok(socket.authorized)
  socket.destroy()
  child.kill('SIGTERM')
  t.same(await exit, [0, null])
})

t.test('a wrong spec is one line and exit 2', async t => {
  for (const [spec, want] of [
    ['[{"kind":"tcp","variant":"polite"}]', /^tcp variant was "polite", want one of: accepts and says nothing, .*\n$/],
    ['[{"kind":"dns","mode":"lies"}]', /^dns mode was "lies", want one of: answer, .*\n$/],
    ['[{"kind":"carrier pigeon"}]', /^kind was "carrier pigeon", want tls, tcp, http, dns or responder\n$/],
    ['{"servers":[],"caCertPem":"x"}', /^caCertPem and caKeyPem: want both or neither\n$/],
    ['[', /JSON.*\n$/],
  ] as const) {
    const { child, exit } = run(spec)
    let text = ''
    child.stderr.on('data', chunk => (text += chunk))
    t.same(await exit, [2, null])
    t.match(text, want)
  }
})
