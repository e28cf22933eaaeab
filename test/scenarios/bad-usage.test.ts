import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { startNetwork } from '../../deploy/sim/network.ts'
import { cleanEnv } from '../lab/clean-env.ts'
import { needsNamespaces } from '../lab/needs-namespaces.ts'
import { probe } from '../lab/probe-in.ts'
import { runProgram } from '../lab/run-program.ts'
import { listen } from '../servers/listening.ts'

const folder = mkdtempSync(join(tmpdir(), 'bad-usage-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const missing = join(folder, 'missing.pem')
const malformed = join(folder, 'malformed.pem')
writeFileSync(malformed, 'no PEM at all\n')

const run = (words: string[]) => runProgram([process.execPath, probe, 'run', ...words])

const cases: [name: string, words: string[], says: RegExp][] = [
  ['an unknown scheme', ['gopher://a.example'], /^probe run: gopher:\/\/a\.example: unknown scheme "gopher", want one of dns:\/\//],
  ['port 0', ['a.example:0'], /^probe run: a\.example:0: .*1 to 65535/],
  ['port 70000', ['a.example:70000'], /^probe run: a\.example:70000: .*1 to 65535/],
  ['unbalanced brackets', ['[fd00::1:443'], /^probe run: \[fd00::1:443: unbalanced brackets/],
  ['a name that is not a name', ['exa mple.example:443'], /^probe run: exa mple\.example:443: /],
  ['an option that does not belong', ['icmp://a.example', '--sni', 'b.example'], /^probe run: --sni: belongs to /],
  ['an option that does not exist', ['a.example:443', '--nonsense', '1'], /^probe run: --nonsense: unknown option/],
  ['a missing PEM', ['a.example:443', '--ca', missing], /^probe run: --ca: .*missing\.pem: /],
  ['a malformed PEM', ['a.example:443', '--ca', malformed], /^probe run: --ca: .*malformed\.pem: /],
  ['a certificate without its key', ['a.example:443', '--cert', malformed], /^probe run: --(cert|key): /],
]

for (const [name, words, says] of cases) {
  t.test(`${name}: one clear line, exit 2`, async t => {
    const { status, stdout, stderr } = await run(words)
    t.equal(status, 2)
    t.equal(stdout, '')
    t.match(stderr, says)
  })
}

t.test('everything that is wrong is said at once, a line each, and nothing is sent', async t => {
  const server = await listen(createServer())
  t.teardown(server.close)
  const good = `127.0.0.1:${server.port}`
  const targets = [good, 'gopher://a.example', 'a.example:0', 'a.example:70000', '[fd00::1:443', 'exa mple']
  const { status, stdout, stderr } = await run([...targets, '--count', '0', '--ca', missing, '--key', malformed, '--nonsense', '1'])
  t.equal(status, 2)
  t.equal(stdout, '')
  const lines = stderr.trimEnd().split('\n')
  for (const line of lines) t.match(line, /^probe run: \S/)
  for (const word of ['gopher', 'a.example:0', 'a.example:70000', '[fd00::1:443', 'exa mple', '--count', '--ca', '--key', '--nonsense'])
    t.ok(
      lines.some(line => line.includes(word)),
      word,
    )
  t.equal(server.connections(), 0)
})

t.test('a family that the host lacks', { skip: await needsNamespaces() }, async t => {
  await using network = await startNetwork({ sites: { aws: {} } })
  await network.run('aws', ['sh', '-c', 'echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6'])
  for (const words of [['[fd00:2::2]:8443'], ['a.example:8443', '--family', '6']]) {
    const run = await network.run('aws', [process.execPath, probe, 'run', ...words], { env: cleanEnv, timeoutMs: 10_000 })
    t.match(run, { status: 2, stdout: '', stderr: /^probe run: .*IPv6.*\n$/ })
  }
})
