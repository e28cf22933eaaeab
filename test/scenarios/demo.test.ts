/** `probe sim demo`, and what `npm start` runs. */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { needsNamespaces, needsRoot } from '../lab/needs-namespaces.ts'
import { probe } from '../lab/probe-in.ts'
import { runProgram } from '../lab/run-program.ts'

const skip = await needsNamespaces()
const folder = mkdtempSync(join(tmpdir(), 'demo-test-'))
chmodSync(folder, 0o777)
t.teardown(() => rmSync(folder, { recursive: true, force: true }))

const demo = [process.execPath, probe, 'sim', 'demo']
const home = { HOME: folder, TMPDIR: folder }
const asNobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups']
const needsReadable = spawnSync(asNobody[0]!, [...asNobody.slice(1), process.execPath, '-e', `require('fs').readFileSync('${probe}')`])
  .status
  ? 'needs a checkout that uid 65534 can read: chmod -R o+rX .'
  : false

t.test('npm start is the demonstration, and then the simulation', async t => {
  const path = fileURLToPath(new URL('../../package.json', import.meta.url))
  t.match(JSON.parse(readFileSync(path, 'utf8')), { scripts: { start: 'node cli/probe.mjs sim demo && node cli/probe.mjs sim' } })
})

for (const { who, prefix, skipped } of [
  { who: 'its owner', prefix: [], skipped: skip },
  { who: 'an ordinary user', prefix: asNobody, skipped: skip || needsRoot || needsReadable },
]) {
  t.test(`the demonstration, by ${who}: the black hole, its sizes, the clamp, and the cure`, { skip: skipped }, async t => {
    const { status, stdout, stderr } = await runProgram(demo, home, prefix)
    t.equal(status, 0, stderr)
    t.equal(stderr, '')
    t.match(stdout, /✗ path MTU black hole {2}both directions {2}certain {2}path_mtu_black_hole/)
    t.match(stdout, /✗ mtu {4}forward 1420 {3}reverse 1380 bytes/)
    t.match(stdout, /nft add rule .* maxseg size set 1340/)
    t.match(stdout, /✓ mtu {4}forward/, 'the second run')
    t.match(stdout, /✓ nothing wrong found/)
  })
}

const forbidden = [
  { how: 'without the tool to make them', prefix: [], env: { PATH: folder }, reason: /needs unshare: apt-get install util-linux/ },
  {
    how: 'by the kernel',
    prefix: [
      ...['unshare', '--user', '--map-root-user', 'sh', '-c'],
      'echo 0 >/proc/sys/user/max_net_namespaces && echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"',
      'sh',
    ],
    env: {},
    reason: /needs root or user namespaces: sudo sysctl -w user\.max_user_namespaces=/,
  },
]
for (const { how, prefix, env, reason } of forbidden) {
  t.test(`where namespaces are impossible ${how} it says so, and shows the engine on loopback`, { skip }, async t => {
    const { status, stdout, stderr } = await runProgram(demo, { ...home, ...env }, prefix)
    t.equal(status, 0, stderr)
    t.match(stdout, /^This host can't simulate two clouds: /)
    t.match(stdout.split('\n')[0], reason)
    t.match(stdout, /✓ nothing wrong found/)
    t.match(stdout, /✗ port closed {2}certain {2}port_closed/)
  })
}
