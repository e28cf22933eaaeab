import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttp } from 'node:http'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { type Identity, judgeNoBundle, judgeNoSvid, pickSvid } from '../../../probes/identity/identity.ts'
import { backoffMs, fetchX509Once, holdX509, watchX509 } from '../../../probes/identity/workload-api.ts'
import { makeTrustDomain } from '../../servers/spiffe.ts'
import { startWorkloadApi, stateOf } from '../../servers/workload-api.ts'

const a = await makeTrustDomain('a.test')
const b = await makeTrustDomain('b.test')
const svid = await a.issue({ path: '/one', below: 1 })
const soon = (ms = 3000) => AbortSignal.timeout(ms)
const codes = (identity: Identity) => identity.problems.map(one => one.code)

/** Watches into a list; `until` resolves with the first state, past or future, that fits. */
function watch(address: string) {
  const stop = new AbortController()
  const states: Identity[] = []
  const waiting = new Set<() => void>()
  const ended = watchX509(
    address,
    identity => {
      states.push(identity)
      for (const wake of waiting) wake()
    },
    stop.signal,
  )
  const until = (fits: (identity: Identity) => boolean): Promise<Identity> =>
    new Promise(resolve => {
      const look = () => {
        const latest = states.at(-1)
        if (!latest || !fits(latest)) return
        waiting.delete(look)
        resolve(latest)
      }
      waiting.add(look)
      look()
    })
  const end = (): Promise<void> => {
    stop.abort()
    return ended
  }
  return { states, until, stop: end, ended }
}

t.test('SVIDs, keys, bundles and revocation lists come as they were sent', async t => {
  const api = await startWorkloadApi({ ...stateOf(a, [svid], [b]), crls: [Buffer.from('crl')] })
  t.teardown(api.close)
  const identity = await fetchX509Once(api.address, soon())
  t.same(identity.problems, [])
  t.equal(identity.svids[0]!.id, 'spiffe://a.test/one')
  t.equal(identity.svids[0]!.chainPem.replace(/\s/g, ''), svid.chainPem.replace(/\s/g, ''))
  t.equal(identity.svids[0]!.key.reveal().replace(/\s/g, ''), svid.keyPem.replace(/\s/g, ''))
  t.same(new Set(identity.bundles.keys()), new Set(['a.test', 'b.test']))
  t.equal(identity.bundles.get('b.test')!.authoritiesPem.replace(/\s/g, ''), b.bundlePem().replace(/\s/g, ''))
  t.equal(identity.crls.length, 2, 'one of each stream')
  t.notMatch(inspect(identity, { depth: 9, showHidden: true }) + JSON.stringify(identity), svid.keyPem.split('\n')[1]!)
})

t.test('the first SVID is the default, hints choose, and of two equal hints the first counts', async t => {
  const [two, three] = [await a.issue({ path: '/two' }), await a.issue({ path: '/three' })]
  const state = stateOf(a, [svid, two, three])
  state.svids[1]!.hint = 'external'
  state.svids[2]!.hint = 'external'
  const api = await startWorkloadApi(state)
  t.teardown(api.close)
  const identity = await fetchX509Once(api.address, soon())
  t.equal(pickSvid(identity)!.id, 'spiffe://a.test/one')
  t.equal(pickSvid(identity, 'external')!.id, 'spiffe://a.test/two')
  t.equal(identity.svids.length, 2)
  t.match(identity.problems, [{ code: 'duplicate_hint', reason: null, detail: 'spiffe://a.test/three' }])
  t.match(judgeNoSvid(identity, 'internal'), { reason: 'local_svid_unavailable', detail: 'the hints there: none, "external"' })
})

t.test('what cannot be used has a name, and leaves the rest in use', async t => {
  const [stranger, good] = [await b.issue(), await a.issue({ path: '/good' })]
  const bundleDer = a.bundleDer()
  const entries = {
    svid_parse: [
      { ...good, chainDer: good.chainDer.subarray(0, 100) },
      { ...good, chainDer: Buffer.alloc(0) },
      { ...good, keyDer: Buffer.from('no key') },
      { ...good, id: 'spiffe://a.test/else' },
    ],
    key_mismatch: [{ ...good, keyDer: stranger.keyDer }],
  } as const
  for (const [code, list] of Object.entries(entries))
    for (const broken of list) {
      const api = await startWorkloadApi({
        svids: [
          { svid: broken, bundleDer },
          { svid, bundleDer },
        ],
      })
      const identity = await fetchX509Once(api.address, soon())
      t.same(codes(identity), [code])
      t.equal(identity.svids[0]?.id, 'spiffe://a.test/one')
      await api.close()
    }
  const api = await startWorkloadApi({ svids: [{ svid, bundleDer: Buffer.alloc(0) }] })
  t.teardown(api.close)
  const identity = await fetchX509Once(api.address, soon())
  t.same(codes(identity), ['bundle_missing'])
  t.equal(identity.bundles.get('a.test')!.authorities, 0, 'an empty bundle is a statement')
  t.match(judgeNoBundle(identity, 'b.test'), { reason: 'local_bundle_missing', detail: '--bundle b.test=<file>' })
})

t.test('each way of refusing is told apart, at once', async t => {
  const api = await startWorkloadApi(stateOf(a, [svid]))
  t.teardown(api.close)
  for (const [mode, code] of [
    ['permission denied', 'no_identity'],
    ['unavailable', 'unavailable'],
    ['invalid argument', 'header_rejected'],
    ['garbage', 'svid_parse'],
  ] as const) {
    api.setMode(mode)
    const started = performance.now()
    const identity = await fetchX509Once(api.address, soon())
    t.ok(codes(identity).includes(code), `${mode}: ${codes(identity)}`)
    t.match(judgeNoSvid(identity), { kind: 'unmeasured', reason: 'local_svid_unavailable', detail: api.path })
    t.ok(performance.now() - started < 1500)
  }
  api.setMode('no bundle calls')
  t.match(await fetchX509Once(api.address, soon()), { svids: [{ id: svid.id }], problems: [] })
  api.setMode('silent')
  const silent = await fetchX509Once(api.address, soon(300))
  t.match(silent.problems, [{ code: 'unavailable', detail: 'no answer in time' }])
  t.match((await fetchX509Once(api.address, AbortSignal.abort())).problems, [{ code: 'stopped', reason: 'aborted' }])
})

async function listening(t: { teardown: (fn: () => void) => void }, server: Server): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'bad-socket-'))
  const path = join(directory, 's')
  server.on('connection', socket => socket.on('error', () => {}))
  server.listen(path)
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    rmSync(directory, { recursive: true })
  })
  return path
}

/** A socket whose process was killed. */
async function abandoned(directory: string): Promise<string> {
  const path = join(directory, 'stale')
  const child = spawn(process.execPath, ['-e', `require('net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`])
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await once(child, 'exit')
  return path
}

t.test('a bad socket has a clear reason in bounded time', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'bad-socket-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  writeFileSync(join(directory, 'file'), 'x')
  mkdirSync(join(directory, 'dir'))
  const http1 = await listening(t, createHttp((_, response) => response.end('hello')) as unknown as Server)
  const talker = await listening(
    t,
    createServer(socket => socket.write('220 mail.test ESMTP\r\n')),
  )
  const tls = await listening(
    t,
    createServer(socket => socket.once('data', () => socket.end(Buffer.from('15030300020246', 'hex')))),
  )
  const closer = await listening(
    t,
    createServer(socket => socket.destroy()),
  )
  const stale = await abandoned(directory)
  for (const [path, code, detail] of [
    [join(directory, 'missing'), 'socket_missing', `its directory ${directory} exists`],
    [join(directory, 'a/b/c'), 'socket_missing', `only ${directory} exists of its path`],
    [join(directory, 'file', 'x'), 'socket_missing', 'no such file'],
    [join(directory, 'file'), 'not_workload_api', 'plain file'],
    [join(directory, 'dir'), 'not_workload_api', 'a directory'],
    [http1, 'not_workload_api', 'HTTP/1'],
    [talker, 'not_workload_api', '220 mail.test'],
    [tls, 'not_workload_api', 'TLS'],
    [closer, 'unavailable', 'connection failed'],
    [stale, 'unavailable', 'nobody listens on this socket; the agent that made it has gone'],
  ] as const) {
    const started = performance.now()
    const identity = await fetchX509Once(`unix://${path}`, soon(5000))
    const tookMs = performance.now() - started
    t.match(identity.problems[0], { code, reason: 'local_svid_unavailable', detail }, detail)
    t.ok(tookMs < 4500, `${Math.round(tookMs)} ms`)
  }
  t.match((await fetchX509Once('tcp://127.0.0.1:1', soon())).problems, [{ code: 'unavailable', detail: 'nobody listens' }])
  t.match((await fetchX509Once('npipe:x', soon())).problems, [{ code: 'address_invalid', reason: 'config_invalid' }])
})

t.test(
  'a socket without permission says who we are',
  { skip: process.geteuid?.() === 0 ? false : 'needs root: sudo npm test' },
  async t => {
    const api = await startWorkloadApi(stateOf(a, [svid]))
    t.teardown(api.close)
    chmodSync(join(api.path, '..'), 0o755)
    chmodSync(api.path, 0o700)
    process.seteuid!(65_534)
    try {
      const identity = await fetchX509Once(api.address, soon())
      t.match(identity.problems, [{ code: 'socket_denied', detail: 'permission denied for uid 65534' }])
    } finally {
      process.seteuid!(0)
    }
  },
)

t.test('each message is the complete state: what is absent is withdrawn', async t => {
  const api = await startWorkloadApi(stateOf(a, [svid], [b]))
  t.teardown(api.close)
  const watching = watch(api.address)
  t.teardown(watching.stop)
  await watching.until(identity => identity.bundles.size === 2)
  api.rotate(stateOf(a, [await a.issue({ path: '/next' })]))
  const next = await watching.until(identity => identity.svids[0]?.id === 'spiffe://a.test/next' && identity.bundles.size === 1)
  t.equal(next.svids.length, 1)
})

t.test('a withdrawn identity is gone at once; one whose server is away stands, and says so', async t => {
  const api = await startWorkloadApi(stateOf(a, [svid]))
  t.teardown(api.close)
  const watching = watch(api.address)
  t.teardown(watching.stop)
  await watching.until(identity => identity.svids.length === 1)
  api.setMode('unavailable')
  const away = await watching.until(identity => identity.problems.some(one => one.code === 'unavailable'))
  t.equal(away.svids.length, 1)
  api.setMode('permission denied')
  const denied = await watching.until(identity => identity.svids.length === 0)
  t.ok(codes(denied).includes('no_identity'))
  api.setMode('serve')
  t.equal((await watching.until(identity => identity.svids.length === 1 && identity.problems.length === 0)).svids[0]!.id, svid.id)
})

t.test('a refused header is not tried again', async t => {
  const api = await startWorkloadApi(stateOf(a, [svid]), { mode: 'invalid argument' })
  t.teardown(api.close)
  const watching = watch(api.address)
  await watching.ended
  t.equal(api.calls(), 2, 'one of each stream')
  t.same(codes(watching.states.at(-1)!), ['header_rejected'])
})

t.test('a socket that disappears and comes back is found within 5 s', async t => {
  const api = await startWorkloadApi(stateOf(a, [svid]))
  t.teardown(api.close)
  const watching = watch(api.address)
  t.teardown(watching.stop)
  await watching.until(identity => identity.svids.length === 1)
  await api.disappear()
  await watching.until(identity => identity.problems.some(one => one.code === 'socket_missing'))
  const attempts = watching.states.length
  await watching.until(() => watching.states.length > attempts + 6)
  await api.appear()
  const since = performance.now()
  const back = await watching.until(identity => identity.problems.length === 0)
  const tookMs = performance.now() - since
  t.equal(back.svids[0]!.id, svid.id)
  t.ok(tookMs < 5000, `${Math.round(tookMs)} ms`)
})

t.test('waiting times grow, are random, and never pass 4 s', async t => {
  t.equal(
    backoffMs(0, () => 1),
    100,
  )
  t.equal(
    backoffMs(3, () => 1),
    800,
  )
  t.equal(
    backoffMs(1000, () => 1),
    4000,
  )
  t.equal(
    backoffMs(5, () => 0),
    0,
  )
})

t.test('1,000 rotations: each visible to the next read, heap and descriptors flat', { timeout: 120_000 }, async t => {
  const svids = await Promise.all(Array.from({ length: 20 }, (_, i) => a.issue({ path: `/r${i}`, below: 1 })))
  const states = svids.map(one => stateOf(a, [one], [b]))
  const api = await startWorkloadApi(states[0]!)
  t.teardown(api.close)
  const stop = new AbortController()
  const held = holdX509(api.address, stop.signal)
  await held.read(soon())
  const descriptors = () => readdirSync('/proc/self/fd').length
  let [heapBefore, openBefore] = [0, 0]
  let late = 0
  for (let i = 1; i <= 1000; i++) {
    const want = `spiffe://a.test/r${i % 20}`
    api.rotate(states[i % 20]!)
    const since = performance.now()
    while ((await held.read(soon())).svids[0]?.id !== want && performance.now() - since < 2000) await new Promise(setImmediate)
    if ((await held.read(soon())).svids[0]?.id !== want) late += 1
    if (i === 200) [heapBefore, openBefore] = [collected(), descriptors()]
  }
  const grownBytes = collected() - heapBefore
  t.equal(late, 0)
  t.equal(descriptors(), openBefore)
  t.ok(grownBytes < 3 * 1024 * 1024, `heap grew by ${Math.round(grownBytes / 1024)} kB in 800 rotations`)
  t.equal(api.calls(), 2, 'one stream of each kind all the while')
  t.match((await fetchX509Once(api.address, soon())).svids, [{ id: 'spiffe://a.test/r0' }])
  stop.abort()
  await held.ended
})

/** Heap in use after a collection, where the runtime lets us ask for one. */
function collected(): number {
  setFlagsFromString('--expose-gc')
  ;(runInNewContext('gc') as () => void)()
  return process.memoryUsage().heapUsed
}
