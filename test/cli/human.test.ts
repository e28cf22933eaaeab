import t from 'tap'
import { runCommand } from '../../cli/run.ts'
import type { Kind } from '../../wire/result.ts'
import { probeHere } from '../lab/probe-here.ts'
import { screenOf } from '../lab/screen.ts'
import { tcpServers } from '../servers/tcp-servers.ts'
import { blackHole, type Canned, engineOf, result, worldOf } from './canned.ts'

const escapeCode = '\u001b'

const show = async (canned: Canned, world = worldOf(), targets = ['payments.azure.example:15443']) => {
  const code = await runCommand({ targets, flags: {} }, [], world, async () => engineOf(canned))
  return { code, text: world.out(), lines: world.out().split('\n') }
}

t.test('a healthy target has a line per step and a last word', async t => {
  const { text, code } = await show({})
  t.equal(code, 0)
  t.match(text, /^payments\.azure\.example:15443 {2}10\.2\.0\.2 {2}IPv4\n {2}✓ dns/)
  t.match(text, / {2}✓ icmp {3}5\/5 replies {3}rtt p50 35\.2 ms {2}p95 36\.0 ms {3}ttl 62\n/)
  t.match(text, / {2}✓ tcp {4}syn 35\.1 ms {3}mss 1460\/1460\n/)
  t.match(text, / {2}✓ tls {4}TLSv1\.3 h2 {3}72\.0 ms {3}CN=payments\.azure\.example {3}40 days left\n/)
  t.match(text, /\n\n✓ nothing wrong found\n$/)
})

t.test('a black hole is named with both sizes, evidence and a command', async t => {
  const { text, code } = await show(blackHole)
  t.equal(code, 1)
  t.match(text, / {2}✗ mtu {4}forward 1420 {3}reverse 1380 bytes {3}black hole both ways/)
  t.match(text, /\n✗ path MTU black hole {2}both directions {2}certain {2}path_mtu_black_hole\n/)
  t.match(text, /\n {2}evidence {2}· /)
  t.match(text, /\n {2}fix {7}/)
  t.match(text, /\n {2}next {6}probe run /)
})

t.test('there is colour on a terminal only, and none with NO_COLOR', async t => {
  const terminal = { isTTY: true, columns: 80 }
  t.ok((await show({}, worldOf({ LANG: 'C.UTF-8' }, terminal))).text.includes(`${escapeCode}[32m✓`))
  t.notOk((await show({}, worldOf({ LANG: 'C.UTF-8', NO_COLOR: '1' }, terminal))).text.includes(escapeCode))
  t.notOk((await show({})).text.includes(escapeCode))
})

t.test('a locale without UTF-8 gets ASCII', async t => {
  const { text } = await show(blackHole, worldOf({ LC_ALL: 'C', LANG: 'en_GB.UTF-8' }))
  t.match(text, / {2}x mtu/)
  t.notMatch(text, /\P{ASCII}/u)
})

for (const columns of [40, 60, 80, 100, 200]) {
  t.test(`prose fits a terminal of ${columns} columns`, async t => {
    const { lines } = await show(blackHole, worldOf({ LANG: 'C.UTF-8', NO_COLOR: '1' }, { isTTY: true, columns }))
    const fix = lines.findIndex(line => line.startsWith('  fix'))
    for (const line of lines.slice(1, fix)) t.ok(line.length <= Math.min(columns, 100), `${line.length}: ${line}`)
  })
}

t.test('what is left of a certificate is said in the same words in every step', async t => {
  const chain = (notAfter: string) => [{ ...result('tls').measured.chain[0]!, notAfter }]
  const both = async (notAfter: string, secondsLeft: number) => {
    const mtls = result('mtls', { expiry: { secondsLeft, subject: 'CN=payments' } })
    return (await show({ tls: result('tls', { chain: chain(notAfter) }), mtls }, worldOf(), ['tls://a.test', 'mtls://a.test'])).text
  }
  t.equal([...(await both('2026-11-24T21:00:00.000Z', 262_800)).matchAll(/ {3}3 days left\n/g)].length, 2)
  t.equal([...(await both('2026-11-21T20:40:00.000Z', 2400)).matchAll(/ {3}40 minutes left\n/g)].length, 2)
  t.equal([...(await both('2026-11-21T17:00:00.000Z', -10_800)).matchAll(/ {3}expired 3 hours ago\n/g)].length, 2)
})

t.test('a certificate cannot drive the terminal', async t => {
  const chain = [{ ...result('tls').measured.chain[0]!, subject: 'CN=\u001b[2Jgone' }]
  const { text } = await show({ tls: result('tls', { chain }) })
  t.match(text, /CN=\\x1b\[2Jgone/)
  t.notOk(text.includes(escapeCode))
})

t.test('an unmeasured step says why, and the rest still counts', async t => {
  const icmp = result('icmp', {}, { outcome: { kind: 'unmeasured', reason: 'local_permission', detail: 'want ping_group_range' } })
  const { text, code } = await show({ icmp })
  t.match(text, / {2}– icmp {3}not measured: want ping_group_range/)
  t.equal(code, 0)
})

t.test('several targets do not mix, and stand in the order of the command line', async t => {
  const { text } = await show({}, worldOf(), ['icmp://10.0.0.1', 'icmp://10.0.0.2', 'icmp://10.0.0.3'])
  const heads = [...text.matchAll(/^icmp:\S+/gm)].map(([head]) => head)
  t.strictSame(heads, ['icmp://10.0.0.1', 'icmp://10.0.0.2', 'icmp://10.0.0.3'])
  t.match(text, /^(icmp:\S+ {2}IPv4\n {2}✓ icmp.*\n\n✓ nothing wrong found\n\n?){3}$/)
})

t.test('a name without an address still has a first line of its own', async t => {
  const dns = result('dns', { addresses: [] }, { outcome: { kind: 'fail', reason: 'dns_not_found', detail: 'NXDOMAIN' } })
  const { text } = await show({ dns })
  t.match(text, /^payments\.azure\.example:15443\n {2}✗ dns {4}NXDOMAIN\n/)
})

t.test('the first line is out before the probes are loaded', async t => {
  const world = worldOf()
  let before = ''
  await runCommand({ targets: ['icmp://10.0.0.1'], flags: {} }, [], world, async () => {
    before = world.out()
    return engineOf()
  })
  t.match(before, /^icmp:\/\/10\.0\.0\.1/)
})

const stepsOn = (lines: readonly string[]) => lines.flatMap(line => /^ {2}[✓✗!–+x-] (\w+) /.exec(line)?.[1] ?? [])
const ladder = ['dns', 'icmp', 'mtu', 'tcp', 'tls']

/** A run whose steps end in an order of choice: what was on the output when each of them had ended, and at the end. */
const showInOrder = async (ends: readonly Kind[], env: Record<string, string>, terminal: object, canned: Canned = {}) => {
  const world = worldOf({ LANG: 'C.UTF-8', ...env }, terminal)
  const turns = ends.map(() => Promise.withResolvers<void>())
  turns[0]?.resolve()
  const after: string[][] = []
  const engine = engineOf(canned, { wait: kind => turns[ends.indexOf(kind)]?.promise ?? Promise.resolve() })
  const { runProbe } = engine
  engine.runProbe = async (kind, ...rest) => {
    const found = await runProbe(kind, ...rest)
    // The ladder passes the result on before the next one may end.
    setImmediate(() => {
      after.push(stepsOn(screenOf(world.out())))
      turns[ends.indexOf(kind) + 1]?.resolve()
    })
    return found
  }
  await runCommand({ targets: ['payments.azure.example:15443'], flags: {} }, [], world, async () => engine)
  return { after, steps: stepsOn(screenOf(world.out())), out: world.out() }
}

const endings: Kind[][] = [
  ['icmp', 'mtu', 'tcp', 'tls'],
  ['tcp', 'tls', 'mtu', 'icmp'],
  ['mtu', 'tcp', 'icmp', 'tls'],
]

for (const ends of endings) {
  t.test(`steps that end in the order ${ends.join(' ')} stand in the order of the ladder`, async t => {
    for (const canned of [{}, blackHole]) {
      for (const columns of [40, 80, 120])
        t.strictSame((await showInOrder(ends, {}, { isTTY: true, columns, rows: 30 }, canned)).steps, ladder, `${columns} columns`)
      for (const [env, terminal] of [
        [{}, {}],
        [{ NO_COLOR: '1' }, { isTTY: true, columns: 80 }],
        [{ TERM: 'dumb' }, { isTTY: true, columns: 80 }],
      ] as const) {
        const { steps, out } = await showInOrder(ends, env, terminal, canned)
        t.strictSame(steps, ladder)
        t.notOk(out.includes(escapeCode))
      }
    }
  })
}

t.test('a terminal shows each step at once and in its place, a pipe when those before it are done', async t => {
  const ends: Kind[] = ['tcp', 'tls', 'icmp', 'mtu']
  const { after, steps } = await showInOrder(ends, {}, { isTTY: true, columns: 80, rows: 30 })
  t.strictSame(after.slice(1), [
    ['dns', 'tcp'],
    ['dns', 'tcp', 'tls'],
    ['dns', 'icmp', 'tcp', 'tls'],
  ])
  t.strictSame(steps, ladder)
  const piped = await showInOrder(ends, {}, {})
  t.strictSame(piped.after.slice(1), [['dns'], ['dns'], ['dns', 'icmp']])
})

t.test('a terminal too low to go back in gets each step below what it has', async t => {
  const { steps, out } = await showInOrder(['tcp', 'tls', 'mtu', 'icmp'], {}, { isTTY: true, columns: 80, rows: 2 })
  t.strictSame(steps, ['dns', 'tcp', 'tls', 'mtu', 'icmp'])
  t.notMatch(out, `${escapeCode}[J`)
})

t.test('a host without a port: the real command says what it did not try, and how to', async t => {
  const { stdout } = await probeHere(['run', '127.0.0.1', '--count', '1'])
  t.match(stdout, /\n {2}– tcp and tls were not tried, for want of a port: probe run 127\.0\.0\.1:443\n\n/)
  t.strictSame(stepsOn(stdout.split('\n')).slice(0, 2), ['icmp', 'mtu'])
  t.notMatch((await probeHere(['run', 'icmp://127.0.0.1', '--count', '1'])).stdout, 'not tried')
})

t.test('the real command, piped: in the order of the ladder', async t => {
  const server = await tcpServers['accepts and says nothing']()
  t.teardown(() => server.close())
  const { stdout } = await probeHere(['run', `127.0.0.1:${server.port}`, '--timeout', '1s', '--count', '2'])
  t.strictSame(stepsOn(stdout.split('\n')), ['icmp', 'mtu', 'tcp', 'tls'])
  t.notOk(stdout.includes(escapeCode))
})
