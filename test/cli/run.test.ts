import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { runCommand } from '../../cli/run.ts'
import type { Kind } from '../../wire/result.ts'
import { blackHole, type Canned, engineOf, result, startedAt, type World, worldOf } from './canned.ts'
import { certificateFor } from './certificate.ts'

const folder = mkdtempSync(join(tmpdir(), 'causeway-'))
t.teardown(() => rmSync(folder, { recursive: true }))

type Given = { targets?: string[]; flags?: Record<string, string[]>; canned?: Canned; world?: World; args?: string[] }

const run = async ({ targets = ['payments.azure.example:15443'], flags = {}, canned = {}, world = worldOf(), args = [] }: Given) => {
  const code = await runCommand({ targets, flags }, args, world, async () => engineOf(canned))
  return { code, out: world.out(), err: world.err() }
}

const silent = result('icmp', {}, { outcome: { kind: 'unmeasured', reason: 'local_permission', detail: 'no ICMP here' } })

const codes: [name: string, given: Given, code: number][] = [
  ['a healthy target is 0', {}, 0],
  ['a failure is 1', { canned: blackHole }, 1],
  ['bad usage is 2', { targets: ['a:0'] }, 2],
  ['what was asked for by name and not measured is 3', { targets: ['icmp://a'], canned: { icmp: silent } }, 3],
  ['what nobody asked for may stay unmeasured', { canned: { icmp: silent } }, 0],
  [
    'a port that was not measured is 3',
    { canned: { tcp: result('tcp', {}, { outcome: { kind: 'unmeasured', reason: 'local_resource', detail: 'EMFILE' } }) } },
    3,
  ],
  ['one failing target among several is 1', { targets: ['icmp://a', 'tls://a'], canned: { icmp: silent, ...blackHole } }, 1],
]

for (const [name, given, code] of codes) {
  t.test(`exit code: ${name}`, async t => {
    t.equal((await run(given)).code, code)
  })
}

t.test('JSON is one document in the shape of causeway.run/1', async t => {
  const { out } = await run({ canned: blackHole, flags: { output: ['json'] } })
  const document = JSON.parse(out)
  t.strictSame(Object.keys(document), ['schema', 'startedAt', 'verdict', 'target', 'results', 'diagnosis'])
  t.match(document, {
    schema: 'causeway.run/1',
    startedAt,
    verdict: 'fail',
    target: { host: 'payments.azure.example', port: 15443, address: '10.2.0.2', family: 4 },
    diagnosis: [{ cause: 'path_mtu_black_hole', layer: 'path', direction: 'both', evidence: [/./], fixes: [{ where: /./, command: /./ }] }],
  })
  t.strictSame(
    document.results.map(({ kind }: { kind: Kind }) => kind),
    ['dns', 'icmp', 'mtu', 'tcp', 'tls'],
  )
  t.match(document.results[2], {
    outcome: { reason: 'mtu_black_hole' },
    measured: { forward: { pathMtu: 1420 }, recommendedMss: 1340 },
    phasesMs: {},
    warnings: [],
    violations: [],
  })
})

t.test('JSON of several targets is an array in the order of the command line', async t => {
  const { out } = await run({ targets: ['tcp://a:1', 'tcp://b:2'], flags: { output: ['json'] } })
  t.match(JSON.parse(out), [{ target: { host: 'a', port: 1 } }, { target: { host: 'b', port: 2 } }])
})

t.test('NDJSON has a line per result and a last one per target', async t => {
  const { out } = await run({ canned: blackHole, flags: { output: ['ndjson'] } })
  const lines = out
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))
  t.strictSame(
    lines
      .slice(0, -1)
      .map(line => line.kind)
      .sort(),
    ['dns', 'icmp', 'mtu', 'tcp', 'tls'],
  )
  for (const line of lines.slice(0, -1)) t.match(line, { schema: 'causeway.result/1', target: { host: 'payments.azure.example' } })
  t.match(lines.at(-1), { schema: 'causeway.run/1', verdict: 'fail', diagnosis: [{ cause: 'path_mtu_black_hole' }] })
  t.notOk('results' in lines.at(-1))
})

t.test('bad usage sends nothing, says everything on stderr and nothing on stdout', async t => {
  const world = worldOf()
  const loads: string[] = []
  const flags = { count: ['0'], nonsense: ['1'], evidence: [join(folder, 'no', 'such', 'folder.json')] }
  const code = await runCommand({ targets: ['a:0', 'x://b'], flags }, [], world, async () => {
    loads.push('loaded')
    return engineOf()
  })
  t.equal(code, 2)
  t.strictSame(loads, [])
  t.equal(world.out(), '')
  const lines = world.err().trimEnd().split('\n')
  t.equal(lines.length, 5, world.err())
  for (const line of lines) t.match(line, /^probe run: /)
})

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  t.test(`${signal} in the middle prints what is known so far and exits with ${code}`, async t => {
    const world = worldOf()
    const wait = async (kind: Kind, stop: AbortSignal) => {
      if (kind !== 'mtu') return
      setImmediate(() => world.send(signal))
      await new Promise(resolve => stop.addEventListener('abort', resolve))
    }
    const exit = await runCommand({ targets: ['10.0.0.1:1'], flags: { output: ['json'] } }, [], world, async () => engineOf({}, { wait }))
    t.equal(exit, code)
    const { results } = JSON.parse(world.out())
    t.match(results.find(({ kind }: { kind: Kind }) => kind === 'tcp').outcome, { kind: 'ok' })
    t.match(results.find(({ kind }: { kind: Kind }) => kind === 'mtu').outcome, { kind: 'unmeasured', reason: 'aborted' })
    t.match(world.err(), `stopped by ${signal}`)
  })
}

t.test('a second signal ends it at once and leaves no half-written file', async t => {
  const world = worldOf()
  const path = join(folder, 'twice.json')
  const wait = async () => {
    world.send('SIGINT')
    world.send('SIGINT')
  }
  await runCommand({ targets: ['icmp://10.0.0.1'], flags: { evidence: [path] } }, [], world, async () => engineOf({}, { wait })).catch(
    () => {},
  )
  t.strictSame(world.exits, [130])
})

t.test('the evidence is a transcript without secrets that only its owner reads', async t => {
  const { cert, key } = await certificateFor('client.example')
  const paths = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem'), evidence: join(folder, 'evidence.json') }
  writeFileSync(paths.cert, cert)
  writeFileSync(paths.key, key)
  const flags = { cert: [paths.cert], key: [paths.key], evidence: [paths.evidence] }
  const { code } = await run({ targets: ['10.0.0.1:1'], flags, canned: blackHole, args: ['run', '10.0.0.1:1', '--key', paths.key] })
  t.equal(code, 1)
  const text = readFileSync(paths.evidence, 'utf8')
  const canary = key.split('\n')[1]!
  t.notOk(text.includes(canary), 'no line of the key')
  t.notMatch(text, /PRIVATE KEY/)
  t.match(JSON.parse(text), {
    schema: 'causeway.evidence/1',
    startedAt,
    causeway: /^\d/,
    node: /^v/,
    platform: { system: /./, release: /./, arch: /./ },
    args: ['run', '10.0.0.1:1', '--key', paths.key],
    options: { tls: { key: '***' } },
    runs: [{ schema: 'causeway.run/1', verdict: 'fail' }],
    events: [{ atMs: 0, target: 0, type: 'begin' }],
  })
  t.equal(statSync(paths.evidence).mode & 0o777, 0o600)
  t.strictSame(
    readdirSync(folder).filter(name => name.endsWith('.tmp')),
    [],
  )
})

t.test('the evidence replaces an older one, through a link as well, and never a device', async t => {
  const [old, link] = [join(folder, 'old.json'), join(folder, 'link.json')]
  writeFileSync(old, 'old')
  symlinkSync(old, link)
  await run({ targets: ['icmp://10.0.0.1'], flags: { evidence: [link] } })
  t.match(readFileSync(old, 'utf8'), /causeway\.evidence/)
  t.match(await run({ flags: { evidence: ['/dev/null'] } }), { code: 2, err: /not a regular file/ })
  t.match(await run({ flags: { evidence: [folder] } }), { code: 2, err: /not a regular file/ })
  t.ok(statSync('/dev/null').isCharacterDevice())
})

t.test('bad usage leaves no evidence behind', async t => {
  const path = join(folder, 'unused.json')
  await run({ targets: ['a:0'], flags: { evidence: [path] } })
  t.notOk(existsSync(path))
  t.strictSame(
    readdirSync(folder).filter(name => name.includes('unused')),
    [],
  )
})

t.test('forty targets run at most sixteen at a time', async t => {
  let [now, most] = [0, 0]
  const wait = async () => {
    most = Math.max(most, ++now)
    await new Promise(resolve => setImmediate(resolve))
    now--
  }
  const targets = Array.from({ length: 40 }, (_, index) => `icmp://10.0.0.${index + 1}`)
  const world = worldOf()
  await runCommand({ targets, flags: { output: ['json'] } }, [], world, async () => engineOf({}, { wait }))
  t.equal(JSON.parse(world.out()).length, 40)
  t.equal(most, 16)
})
