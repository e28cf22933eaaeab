import t from 'tap'
import { runCommand } from '../../cli/run.ts'
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
