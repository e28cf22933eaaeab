import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import t from 'tap'
import { startNetwork } from '../../../deploy/sim/network.ts'
import { cleanEnv } from '../../lab/clean-env.ts'
import { needsNamespaces } from '../../lab/needs-namespaces.ts'
import { startTwoSites } from './two-sites.ts'

const skip = await needsNamespaces()
const needsNft = ['/usr/sbin/nft', '/sbin/nft', '/usr/bin/nft'].some(existsSync) ? false : 'needs nft: apt-get install nftables'

t.test('processes in a site', { skip }, async t => {
  const network = await startNetwork({ sites: { open: {}, closed: { pingGroupRange: 'closed' } } })
  t.teardown(network.stop)

  t.test('give their real exit status, output and signal', async t => {
    const script = 'read line; echo "got $line"; echo trouble >&2; exit 7'
    t.strictSame(await network.run('open', ['sh', '-c', script], { input: 'this\n' }), {
      status: 7,
      signal: null,
      stdout: 'got this\n',
      stderr: 'trouble\n',
    })
    t.match(await network.run('open', ['sh', '-c', 'kill -SEGV $$']), { status: null, signal: 'SIGSEGV' })
    t.match(await network.run('open', ['/no/such/program']), { status: 127, stderr: /no\/such\/program/ })
  })

  t.test('are killed after the timeout', async t => {
    t.match(await network.run('open', ['sh', '-c', 'echo begun; exec sleep 100'], { timeoutMs: 300 }), {
      status: null,
      signal: 'SIGKILL',
      stdout: 'begun\n',
    })
  })

  t.test('get the signals that are sent to them', async t => {
    const child = network.spawn('open', ['sh', '-c', 'trap "exit 3" INT; echo ready; while :; do sleep 0.05; done'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    await once(child.stdout!, 'data')
    t.equal(child.kill('SIGINT'), true)
    t.strictSame(await once(child, 'exit'), [3, null])
    t.equal(child.kill('SIGINT'), false)
  })

  t.test('read and write at the same time', async t => {
    const child = network.spawn('open', ['cat'], { stdio: ['pipe', 'pipe', 'inherit'] })
    for (const text of ['one', 'two']) {
      child.stdin!.write(text)
      t.equal(String(await once(child.stdout!, 'data')), text)
    }
    child.stdin!.end()
    t.strictSame(await once(child, 'exit'), [0, null])
  })

  t.test('see the files of the host, the working directory and the environment they are given', async t => {
    const { stdout } = await network.run('open', ['sh', '-c', 'pwd -P; echo "$GREETING"; ls /proc/$$/comm'], {
      cwd: tmpdir(),
      env: { ...cleanEnv, GREETING: 'good day' },
    })
    t.match(stdout, /good day\n\/proc\/\d+\/comm\n$/)
    t.match(await network.run('open', ['cat', import.meta.filename]), { stdout: /see the files of the host/ })
  })

  t.test('have no capability and can gain none without privileges', async t => {
    const status = (await network.run('open', ['cat', '/proc/self/status'], { dropPrivileges: true })).stdout
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) t.match(status, new RegExp(`^${set}:\\s*0+$`, 'm'))
    t.match(status, /^NoNewPrivs:\s*1$/m)
    if (!network.userNamespace) t.match(status, /^Uid:\s*65534\s+65534\s+65534\s+65534$/m)
  })

  t.test('open ICMP sockets without privileges where the group range lets them', async t => {
    const libc = import.meta.resolve('../../../probes/net/libc.ts')
    const script = `import * as libc from '${libc}'
      const fd = libc.socket(libc.AF_INET, libc.SOCK_DGRAM, libc.IPPROTO_ICMP); console.log(fd < 0 ? libc.errnoName(libc.errno()) : 'open')`
    const argv = [process.execPath, '--input-type=module', '-e', script]
    for (const [site, wanted] of [
      ['open', 'open\n'],
      ['closed', 'EACCES\n'],
    ] as const)
      t.match(await network.run(site, argv, { env: cleanEnv, dropPrivileges: true }), { stdout: wanted, stderr: '' })
  })

  t.test('must be of a site that is there', async t => {
    // @ts-expect-error: the compiler knows the names
    t.throws(() => network.spawn('mars', ['true']), /unknown site "mars": want one of open, closed/)
    await t.rejects(network.setLink('open', 'open', { mtu: 5 }), /a site has no link to itself; mtu is 5, want a whole number from 68/)
  })
})

t.test('a packet filter in a site answers every TCP port, as a sidecar does', { skip: skip || needsNft }, async t => {
  const network = await startTwoSites()
  t.teardown(network.stop)
  const rules = 'table inet sidecar { chain in { type nat hook prerouting priority -100; tcp dport != 7000 redirect to :7000; }; }'
  t.match(await network.run('azure', ['nft', '-f', '-'], { input: rules }), { status: 0, stderr: '' })
  const script = `require('net').connect(81, '${network.sites.azure.address}', () => { console.log('accepted'); process.exit() })`
  t.match(await network.run('aws', [process.execPath, '-e', script], { env: cleanEnv, timeoutMs: 3000 }), {
    status: 0,
    stdout: 'accepted\n',
  })
})
