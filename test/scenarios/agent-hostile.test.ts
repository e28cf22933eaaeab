/** A controller that was taken over sends the agent's paths: none of what is denied gets a packet, whatever it is called. */
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { removeFolder, startAgentIn } from '../lab/agent-in.ts'
import { logsOf, runsOf } from '../lab/batches.ts'
import { port, startCloudPair } from '../lab/cloud-pair.ts'
import { needsNamespaces, needsRoot } from '../lab/needs-namespaces.ts'

const skip = (await needsNamespaces()) || needsRoot

/** Address, by what is wrong with it. Without a policy file for the first list, with one that allows one network for the second. */
const never = {
  'metadata-service': '169.254.169.254:80',
  'ec2-over-ipv6': '[fd00:ec2::254]:80',
  'ecs-credentials': '169.254.170.2:80',
  'azure-wire-server': '168.63.129.16:80',
  'alibaba-metadata': '100.100.100.200:80',
  'link-local': '169.254.7.7:80',
  'link-local-6': '[fe80::1]:80',
  loopback: '127.0.0.1:9464',
  'loopback-6': '[::1]:9464',
  'this-host': '0.0.0.0:9464',
  mapped: '[::ffff:169.254.169.254]:80',
  'mapped-in-hex': '[::ffff:a9fe:a9fe]:80',
  nat64: '[64:ff9b::a9fe:a9fe]:80',
  'six-to-four': '[2002:a9fe:a9fe::1]:80',
  multicast: '224.0.0.1:80',
  'name-of-metadata': 'metadata.evil.test:80',
  'name-of-loopback': 'rebind.evil.test:9464',
  'other-network': '10.99.0.1:80',
  'name-of-other-network': 'inside.evil.test:80',
}
const hosts = ['169.254.169.254 metadata.evil.test', '127.0.0.1 rebind.evil.test localhost', '10.99.0.1 inside.evil.test'].join('\n')

const strayDatagram = "require('node:dgram').createSocket('udp4').send('x', 9, '10.99.0.1', function () { this.close() })"

/** Counts what would be a packet to any of them, or to anyone but azure, beside loopback's own services. */
const rules = (azure: string) => `
table inet watch {
  counter astray {}
  counter own {}
  chain out {
    type filter hook output priority 0
    oifname "lo" tcp dport 9464 tcp flags syn counter name own
    oifname "lo" accept
    ip daddr ${azure} accept
    meta l4proto ipv6-icmp icmpv6 type { 133, 134, 135, 136, 143 } accept
    counter name astray
  }
}`

t.test('metadata, loopback, link-local and other networks, under every name: denied, and nothing on the wire', { skip }, async t => {
  await using pair = await startCloudPair({ servers: [{ kind: 'tcp', variant: 'sink' }] })
  const folder = mkdtempSync(join(tmpdir(), 'agent-'))
  chmodSync(folder, 0o777)
  t.teardown(() => removeFolder(folder))
  writeFileSync(join(folder, 'hosts'), hosts)
  writeFileSync(join(folder, 'policy.yaml'), `allow: [${pair.address}/32]\n`)
  const made = await pair.run('aws', ['sh', '-c', `mount --bind ${folder}/hosts /etc/hosts && nft -f -`], { input: rules(pair.address) })
  if (made.status !== 0) return t.plan(0, `needs nftables: apt-get install nftables (${made.stderr.trim()})`)
  const targets = Object.entries({ ...never, allowed: `${pair.address}:${port}` }).map(([name, address]) => ({ name, address }))
  const kinds = ['tcp', 'icmp', 'tls', 'http', 'udp', 'mtu'] as const
  const agent = await startAgentIn(
    pair,
    { targets, checks: kinds.map(kind => ({ name: kind, kind, every: '1s', lateness: '10s' })), policy: 'policy.yaml' },
    { folder },
  )
  await sleep(3500)
  await agent.end()
  for (const { attributes, value, name } of agent.batches.flatMap(({ points }) => points)) {
    if (name !== 'causeway.probe.runs') continue
    const path = `${attributes['causeway.kind']} to ${attributes['causeway.target']}`
    if (attributes['causeway.target'] !== 'allowed') t.equal(attributes['error.type'], 'target_denied', `${path}: ${value}`)
    else t.not(attributes['error.type'], 'target_denied', path)
  }
  const named = new Set(logsOf(agent.batches).map(({ attributes }) => attributes['causeway.target']))
  t.strictSame(
    Object.keys(never).filter(name => !named.has(name)),
    [],
    'each is told',
  )
  const packetsOf = async (name: string) => {
    const { stdout } = await pair.run('aws', ['nft', '-j', 'list', 'counters'])
    const { nftables } = JSON.parse(stdout) as { nftables: { counter?: { name: string; packets: number } }[] }
    return nftables.find(({ counter }) => counter?.name === name)?.counter?.packets
  }
  t.equal(await packetsOf('astray'), 0, 'packets to anybody else')
  t.equal(await packetsOf('own'), 0, "connections to the agent's own page")
  await pair.run('aws', [process.execPath, '-e', strayDatagram])
  t.equal(await packetsOf('astray'), 1, 'one that we send ourselves is seen')
  t.ok(runsOf(agent.batches, 'tcp')['ok']! >= 2, 'the allowed target is measured all the while')
})

t.test('more than the budget: what is over it is denied, and the target sees no more than the budget', { skip }, async t => {
  await using pair = await startCloudPair({ servers: [{ kind: 'tcp', variant: 'sink' }] })
  const folder = mkdtempSync(join(tmpdir(), 'agent-'))
  chmodSync(folder, 0o777)
  t.teardown(() => removeFolder(folder))
  const probesPerSecond = 20
  writeFileSync(join(folder, 'policy.yaml'), `budgets: { probesPerSecond: ${probesPerSecond}, maxBytes: 1MiB }\n`)
  const targets = Array.from({ length: 50 }, (_, i) => ({ name: `t${i}`, address: `${pair.address}:${port}` }))
  const checks = [
    { name: 'flood', kind: 'tcp', every: '500ms', lateness: '10s' },
    { name: 'bulk', kind: 'tcp', every: '1s', lateness: '10s', targets: ['t0'], options: { payload: '64MiB' } },
  ]
  const agent = await startAgentIn(pair, { targets, checks, probesPerSecond: 10_000, policy: 'policy.yaml' }, { folder })
  const startMs = performance.now()
  await sleep(3000)
  await agent.end()
  const lastedS = (performance.now() - startMs) / 1000
  const { ok = 0, 'unmeasured/target_denied': denied = 0, ...others } = runsOf(agent.batches, 'flood')
  t.strictSame(others, {})
  t.ok(ok <= probesPerSecond * (lastedS + 1), `${ok} runs in ${lastedS.toFixed(1)} s`)
  t.ok(denied > 100, `${denied} denied`)
  t.strictSame(Object.keys(runsOf(agent.batches, 'bulk')), ['unmeasured/target_denied'])
})
