import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { connect } from 'node:tls'
import t from 'tap'
import { fetchX509Once } from '../../probes/identity/workload-api.ts'
import { makeTrustDomain } from './spiffe.ts'
import type { SpiffeCommand, SpiffeReady, SpiffeReply, SpiffeSpec } from './spiffe-main.ts'

const program = new URL('spiffe-main.ts', import.meta.url).pathname

function run(spec: SpiffeSpec | string) {
  const child = spawn(process.execPath, [program, typeof spec === 'string' ? spec : JSON.stringify(spec)])
  t.teardown(() => child.kill('SIGKILL'))
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const line = async () => JSON.parse((await lines.next()).value as string) as unknown
  const command = async (one: SpiffeCommand) => {
    child.stdin.write(`${JSON.stringify(one)}\n`)
    return (await line()) as SpiffeReply
  }
  return { child, ready: async () => (await line()) as SpiffeReady, command, exit: once(child, 'exit') }
}

t.test('all kinds in one process, with commands, until stdin closes', async t => {
  const a = await makeTrustDomain('a.test')
  const directory = mkdtempSync(join(tmpdir(), 'spiffe-main-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const { child, ready, command, exit } = run({
    trustDomains: [a.save(), 'b.test'],
    servers: [
      { kind: 'mtls', variant: 'says who you are', domain: 'b.test', accepts: ['a.test'] },
      { kind: 'bundle', profile: 'https_spiffe', domain: 'b.test' },
      { kind: 'workload-api', path: join(directory, 's'), domain: 'a.test', svids: [{ path: '/w' }], federated: ['b.test'] },
    ],
  })
  const { servers, trustDomains } = await ready()
  t.equal(trustDomains[0]!.authorities[0]!.certPem, a.active().certPem)
  t.match(servers[1], { url: /^https:/ })
  const identity = await fetchX509Once(servers[2]!.address!, AbortSignal.timeout(3000))
  t.match(identity, { svids: [{ id: 'spiffe://a.test/w' }], problems: [] })
  const svid = identity.svids[0]!
  const ca = identity.bundles.get('b.test')!.authoritiesPem
  const dial = async () => {
    const options = { cert: svid.chainPem, key: svid.key.reveal(), ca, checkServerIdentity: () => undefined, rejectUnauthorized: false }
    const socket = connect({ host: '127.0.0.1', port: servers[0]!.port!, ...options })
    socket.on('error', () => {})
    const [said] = (await once(socket, 'data')) as [Buffer]
    socket.destroy()
    return [String(said), socket.authorized] as const
  }
  t.same(await dial(), ['{"peerId":"spiffe://a.test/w"}\n', true])

  t.match(await command({ domain: 'b.test', do: 'prepare' }), { done: true })
  t.match(await command({ domain: 'b.test', do: 'activate' }), { done: true })
  t.match(await command({ server: 0, do: 'reissue' }), { done: true })
  t.same(await dial(), ['{"peerId":"spiffe://a.test/w"}\n', false], 'the old bundle does not hold the new authority')
  t.match(await command({ server: 1, answer: 'status 500' }), { done: true })
  t.match(await command({ server: 1, answer: 'lies' as 'HTML' }), { error: /^bundle answer was "lies", want one of: healthy/ })
  t.match(await command({ server: 7, do: 'reissue' }), { error: /^server was "7"/ })
  t.match(await command({ server: 2, do: 'disappear' }), { done: true })
  t.match((await fetchX509Once(servers[2]!.address!, AbortSignal.timeout(3000))).problems, [{ code: 'socket_missing' }])
  child.stdin.end()
  t.same(await exit, [0, null])
})

t.test('a wrong spec is one line and exit 2', async t => {
  for (const [spec, want] of [
    [
      '{"trustDomains":[],"servers":[{"kind":"mtls","variant":"x","domain":"a","accepts":[]}]}',
      /^mtls variant was "x", want one of: accepts and greets, .*\n$/,
    ],
    ['{"trustDomains":[],"servers":[{"kind":"mtls","variant":"Node","domain":"a","accepts":[]}]}', /^trust domain was "a"/],
    ['{"trustDomains":[],"servers":[{"kind":"pigeon"}]}', /^kind was "pigeon", want mtls, bundle or workload-api\n$/],
    ['[', /JSON.*\n$/],
  ] as const) {
    const { child, exit } = run(spec)
    let text = ''
    child.stderr.on('data', chunk => (text += chunk))
    t.same(await exit, [2, null])
    t.match(text, want)
  }
})
