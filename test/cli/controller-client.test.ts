/** Where the controller is, who may ask it, and what is said when it can't be asked. */
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { parseController } from '../../cli/controller-client.ts'
import { makeAuthority } from '../servers/authority.ts'
import { controllerHere, piped, typed } from './controller-here.ts'

const noVariables = { CAUSEWAY_CONTROLLER: undefined, CAUSEWAY_TOKEN: undefined }

t.test('a login is tried, kept for its owner alone, and used by other commands', async t => {
  const here = await controllerHere(t)
  const viewer = await here.person('viewer')
  const file = join(here.folder, '.config', 'causeway', 'login.json')
  t.match(await here.probe(['get', 'agents'], { env: noVariables }), {
    code: 2,
    err: /no controller: --controller <url>, CAUSEWAY_CONTROLLER, probe login once, or probe sim/,
  })
  const bad = await here.probe(['login', '--controller', here.url], { env: noVariables, stdin: piped('cwp_wrong\n') })
  t.match(bad, { code: 2, err: /probe login with another token/ })
  t.throws(() => statSync(file), 'a token that is refused is not kept')
  const keyboard = typed(`x\u007f${viewer}\r`)
  const kept = await here.probe(['login', '--controller', here.url], { env: noVariables, stdin: keyboard })
  t.match(kept, { code: 0, out: '' })
  t.same(keyboard.raw, [true, false], 'the keys are not shown')
  t.notMatch(kept.err, viewer)
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.match(readFileSync(file, 'utf8'), viewer)
  t.match(await here.probe(['get', 'agents'], { env: noVariables }), { code: 0 })
  t.match(await here.probe(['join-token', '--cloud', 'aws', '--region', 'r'], { env: noVariables }), {
    code: 2,
    err: /a viewer has the role viewer, and this is for the role admin or a higher one; ask an admin/,
  })
  const other = await controllerHere(t)
  t.match(
    await here.probe(['get', 'agents', '--controller', other.url], { env: noVariables }),
    { code: 2, err: /no token.*; probe login, or CAUSEWAY_TOKEN/ },
    'a token goes to no other controller than its own',
  )
  t.match(await here.probe(['login', '--forget'], { env: noVariables }), { code: 0, err: /forgotten/ })
  t.match(await here.probe(['get', 'agents'], { env: noVariables }), { code: 2, err: /no controller/ })
})

t.test('a login is read from what is piped in, and nothing is no token', async t => {
  const here = await controllerHere(t)
  t.match(await here.probe(['login'], { stdin: piped(`${await here.person('viewer')}\n`) }), { code: 0, err: /kept in / })
  for (const stdin of [piped(''), piped('two words'), typed('\u0003'), undefined])
    t.match(await here.probe(['login'], stdin ? { stdin } : {}), { code: 2, err: /no token/ })
})

t.test('the certificate of a controller is checked, with its own authority where that is given', async t => {
  const [ours, others] = await Promise.all([makeAuthority({ name: 'ours' }), makeAuthority({ name: 'others' })])
  const { chainPem: cert, keyPem: key } = await ours.issue({ addresses: ['127.0.0.1'] })
  const here = await controllerHere(t, {}, { cert, key })
  const [own, foreign] = [join(here.folder, 'ca.pem'), join(here.folder, 'other.pem')]
  writeFileSync(own, ours.certPem)
  writeFileSync(foreign, others.certPem)
  t.match(await here.probe(['get', 'agents']), { code: 3, err: /authority that is not trusted here.*--ca <file>/ })
  t.match(await here.probe(['get', 'agents', '--ca', foreign]), { code: 3, err: /not from the authority in --ca/ })
  t.match(await here.probe(['get', 'agents', '--ca', own]), { code: 0 })
  t.match(await here.probe(['get', 'agents'], { env: { CAUSEWAY_CA: own } }), { code: 0 })
  const stdin = piped(await here.person('viewer'))
  t.match(await here.probe(['login', '--ca', own], { env: { CAUSEWAY_TOKEN: undefined }, stdin }), { code: 0 })
  t.match(await here.probe(['get', 'agents'], { env: noVariables }), { code: 0 }, 'the authority is kept with the login')
  const byName = here.url.replace('127.0.0.1', 'localhost')
  t.match(await here.probe(['get', 'agents', '--ca', own, '--controller', byName]), { code: 3, err: /certificate for other names/ })
  t.match(await here.probe(['get', 'agents', '--ca', '/no/such.pem']), { code: 2, err: /--ca: "\/no\/such\.pem": no such file/ })
  const plain = here.url.replace('https', 'http')
  t.match(await here.probe(['get', 'agents', '--controller', plain]), { code: 3, err: /HTTPS where HTTP is spoken/ })
})

t.test('who cannot be asked is told from who refuses', async t => {
  const here = await controllerHere(t)
  const server = createServer(socket => socket.end('SSH-2.0-x\r\n'))
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  t.teardown(() => server.close())
  const { port } = server.address() as { port: number }
  const closed = await new Promise<number>(done => {
    const one = createServer().listen(0, '127.0.0.1', () => {
      const { port: free } = one.address() as { port: number }
      one.close(() => done(free))
    })
  })
  const cases: [string[], number, RegExp][] = [
    [['--controller', `http://127.0.0.1:${closed}`], 3, /refuses the connection: is it running/],
    [['--controller', `http://127.0.0.1:${port}`], 3, /probe get: http:\S+ /],
    [['--controller', 'http://10.0.0.1:7443'], 2, /plain HTTP is for this machine only, want https/],
    [['--controller', 'ftp://x'], 2, /not an address like https/],
    [['--controller', 'https://me:secret@x'], 2, /a name and a password in the address/],
  ]
  for (const [args, code, told] of cases) t.match(await here.probe(['get', 'agents', ...args]), { code, err: told }, args.join(' '))
  t.match(await here.probe(['get', 'agents'], { env: { CAUSEWAY_TOKEN: 'cwp_x' } }), { code: 2, err: /not a token of this controller/ })
})

t.test('a controller is named as people write it', async t => {
  for (const [text, controller] of [
    ['controller.example:7443', 'https://controller.example:7443'],
    ['https://controller.example/', 'https://controller.example'],
    ['http://[::1]:8080', 'http://[::1]:8080'],
    ['http://localhost:8080/docs', 'http://localhost:8080'],
  ] as const)
    t.match(parseController(text), { ok: true, value: controller })
})

t.test('a join token is alone on stdout', async t => {
  const { probe } = await controllerHere(t)
  const made = await probe(['join-token', '--agent', 'dc1/vm-7', '--cloud', 'onprem', '--region', 'dc1', '--label', 'rack=7'])
  t.match(made, { code: 0, out: /^cwj_[\w-]{43}\n$/, err: 'for dc1/vm-7, once, until 2026-11-22T08:10:00.000Z\n' })
  t.match(JSON.parse((await probe(['join-token', '--cloud', 'aws', '--region', 'r', '--output', 'json'])).out), {
    token: /^cwj_/,
    agentId: /^join\//,
  })
  const { code, err } = await probe(['join-token', '--cloud', 'aws', '--label', 'x'])
  t.equal(code, 2)
  t.match(err, /--region: missing/)
  t.match(err, /--label: got "x", want name=value/)
})
