/** Traces through routers of this kernel: each test's routers are its own, each router answers as Linux does. */
import t from 'tap'
import { buildDatagram, flowIdOf } from '../../probes/net/trace-packet.ts'
import type { Result } from '../../wire/result.ts'
import { needsRoot } from '../lab/needs-namespaces.ts'
import { needsTool } from '../lab/needs-tool.ts'
import { cableAddress, type Routers, startChain } from '../lab/routers.ts'

t.setTimeout(400_000)
const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--bounding-set=-all']
const probe = [process.execPath, new URL('../../cli/probe.mjs', import.meta.url).pathname, 'run']

/** By an ordinary user, who has no capability. */
const trace = async (routers: Routers, target: string, ...flags: string[]): Promise<Result<'trace'>> => {
  const { stdout, stderr } = await routers.run('client', [...nobody, ...probe, `trace://${target}`, ...flags, '--output', 'json'])
  if (stdout === '') throw new Error(stderr)
  return JSON.parse(stdout).results[0]
}
const addresses = ({ measured }: Result<'trace'>): (string | null)[] => measured.hops.map(({ address }) => address)

t.test('every router on the way, by every protocol and family, without a privilege', { skip: needsRoot }, async t => {
  const chain = await startChain(12)
  t.teardown(chain.stop)
  for (const family of [4, 6] as const)
    for (const protocol of ['icmp', 'udp', 'tcp'] as const) {
      const target = family === 4 ? chain.server : `[${chain.server6}]`
      const result = await trace(chain, target, '--protocol', protocol)
      const name = `${protocol} over IPv${family}`
      t.same(result.outcome, { kind: 'ok' }, name)
      t.same(
        addresses(result),
        Array.from({ length: 13 }, (_, i) => cableAddress(i, 2, family)),
        name,
      )
      t.match(result.measured, { reached: true, forwardHops: 13, foreign: 0, unidentified: 0 }, name)
      t.ok(
        result.measured.hops.every(({ loss, rttMs, ttl }) => loss === 0 && (rttMs! > 0 || (protocol === 'tcp' && ttl === 13))),
        name,
      )
      if (protocol !== 'tcp') t.equal(result.measured.returnHops, 13, name)
    }

  await t.test('traceroute sees the same', { skip: needsTool('traceroute') }, async t => {
    for (const flags of [['-I'], [], ['-T']]) {
      const { stdout } = await chain.run('client', ['traceroute', '-n', '-q', '1', ...flags, chain.server])
      const hops = stdout
        .trim()
        .split('\n')
        .slice(1)
        .map(line => line.trim().split(/\s+/)[1])
      t.same(hops, addresses(await trace(chain, chain.server)), flags.join(' '))
    }
  })
  await t.test('mtr sees the same', { skip: needsTool('mtr', 'mtr-tiny') }, async t => {
    const { stdout } = await chain.run('client', ['mtr', '-n', '-c', '1', '--csv', '-Z', '5', chain.server])
    const hops = stdout
      .trim()
      .split('\n')
      .slice(1)
      .map(line => line.split(',')[5])
    t.same(hops, addresses(await trace(chain, chain.server)))
  })
})

t.test('routers that answer seldom, never, or not for long', { skip: needsRoot }, async t => {
  const chain = await startChain(4)
  t.teardown(chain.stop)
  const [first, , third] = [await trace(chain, chain.server), await trace(chain, chain.server), await trace(chain, chain.server)]
  t.equal(first.measured.fingerprint, third!.measured.fingerprint)

  await chain.run('r2', ['sysctl', '-qw', 'net.ipv4.icmp_ratelimit=1000'])
  const ask = () => trace(chain, chain.server, '--queries', '10', '--timeout', '300ms')
  let limited = await ask()
  // One a second, and what came before may have had it.
  for (let again = 0; again < 10 && limited.measured.hops[1]?.address === null; again++) limited = await ask()
  t.same(limited.outcome, { kind: 'ok' })
  t.match(limited.measured.hops[1], { address: cableAddress(1, 2), loss: 0, rateLimited: true })
  t.same(limited.warnings, [])

  await chain.run('r3', [
    'nft',
    'add table ip t; add chain ip t o { type filter hook output priority 0; }; add rule ip t o icmp type time-exceeded drop',
  ])
  const silent = await trace(chain, chain.server, '--timeout', '300ms')
  t.same(silent.outcome, { kind: 'ok' })
  t.match(silent.measured.hops[2], { address: null, rttMs: null, loss: 0 })

  await chain.run('r4', [
    'nft',
    'add table ip t; add chain ip t f { type filter hook forward priority 0; }; add rule ip t f ip daddr 10.77.4.2 reject with icmp type admin-prohibited',
  ])
  const refused = await trace(chain, chain.server, '--timeout', '300ms')
  t.match(refused.outcome, { reason: 'admin_prohibited', detail: /hop 4, 10\.77\.3\.2/ })
})

t.test('a loop between two routers', { skip: needsRoot }, async t => {
  const chain = await startChain(3)
  t.teardown(chain.stop)
  await chain.ip('r3', `route replace 10.77.3.0/25 via ${cableAddress(2, 1)}`)
  await chain.ip('r3', `address del ${cableAddress(3, 1)}/24 dev c3`)
  await chain.ip('r3', `route replace 10.77.3.0/24 via ${cableAddress(2, 1)}`)
  const result = await trace(chain, chain.server, '--max-hops', '255', '--timeout', '500ms')
  t.match(result.outcome, { reason: 'ttl_exceeded', detail: /circle/ })
  t.ok(result.measured.loop && result.measured.loop.length >= 1, 'its routers are named')
  t.ok(result.measured.hops.length < 60, 'it is not followed to the end')
})

/** An IPv4 header and so much of a datagram, as a router would quote it. */
const quoteOf = (from: string, to: string, sourcePort: number, data: Buffer): string => {
  const b = Buffer.alloc(28)
  b[0] = 0x45
  b.writeUInt16BE(60, 2)
  b[8] = 1
  b[9] = 17
  Buffer.from(from.split('.').map(Number)).copy(b, 12)
  Buffer.from(to.split('.').map(Number)).copy(b, 16)
  b.writeUInt16BE(sourcePort, 20)
  b.writeUInt16BE(33_434, 22)
  b.writeUInt16BE(40, 24)
  return Buffer.concat([b, data]).toString('hex')
}

t.test('errors about packets that were never sent, cut short or damaged, put nobody on the route', { skip: needsRoot }, async t => {
  const chain = await startChain(3)
  t.teardown(chain.stop)
  const client = cableAddress(0, 1)
  const port = flowIdOf('udp', chain.server, 0)
  const errors = [
    { quote: quoteOf(client, chain.server, port, Buffer.alloc(32, 7)) },
    { quote: quoteOf(client, chain.server, port, Buffer.alloc(0)) },
    { quote: quoteOf(client, chain.server, port, buildDatagram(2, Buffer.alloc(8))) },
    { quote: quoteOf(client, chain.server, port, Buffer.alloc(32)), isBroken: true },
    { quote: quoteOf(client, '192.0.2.1', 9, Buffer.alloc(32)) },
    { quote: '4500' },
    { quote: '' },
  ]
  const forge = [process.execPath, new URL('./programs/forged-errors.ts', import.meta.url).pathname, JSON.stringify({ to: client, errors })]
  const forger = chain.run('r2', ['timeout', '20', ...forge])
  let result = await trace(chain, chain.server, '--protocol', 'udp', '--queries', '10')
  for (let tries = 0; result.measured.foreign === 0 && tries < 10; tries++)
    result = await trace(chain, chain.server, '--protocol', 'udp', '--queries', '10')
  t.ok(result.measured.foreign > 0 && result.measured.unidentified > 0, 'they arrive')
  t.same(result.outcome, { kind: 'ok' })
  t.same(
    addresses(result),
    [0, 1, 2, 3].map(cable => cableAddress(cable, 2)),
  )
  await chain.stop()
  await forger
})
