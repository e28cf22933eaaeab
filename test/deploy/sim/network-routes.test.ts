import { setTimeout } from 'node:timers/promises'
import t from 'tap'
import { needsNamespaces } from '../../lab/needs-namespaces.ts'
import { startTwoSites, type TwoSites } from './two-sites.ts'

const skip = await needsNamespaces()

const both = (name: string, change: object) => [
  { from: 'aws', to: 'azure', name, ...change },
  { from: 'azure', to: 'aws', name, ...change },
]

t.test('a network with two routes', { skip }, async t => {
  const network: TwoSites = await startTwoSites([], {}, [
    ...both('vpn-1', { delayMs: 2, hops: 3 }),
    ...both('vpn-2', { delayMs: 12, hops: 5 }),
  ])
  t.teardown(network.stop)

  for (const family of [4, 6] as const) {
    t.test(`IPv${family}: each router answers what dies there, from its own address`, async t => {
      const { hops } = (await network.routes()).aws.azure.routes['vpn-1']!
      const gateway = family === 4 ? network.sites.aws.gateway : network.sites.aws.gateway6
      const wanted = [gateway, ...hops.map(({ address, address6 }) => (family === 4 ? address : address6))]
      const seen = await network.send(
        [1, 2, 3, 4].map(ttl => ({ size: 100, ttl })),
        family,
      )
      t.strictSame(
        seen.map(({ icmp }) => icmp?.offender),
        wanted,
      )
      t.equal((await network.send([{ size: 100, ttl: 5 }], family))[0]!.replySize, 100)
    })
  }

  t.test('a failover is felt for as long as it takes, and its log is on the clock of this process', async t => {
    const before = (await network.counters()).aws.azure.packets
    const sending = network.send(Array(200).fill({ size: 100 }), 4, 400)
    while ((await network.counters()).aws.azure.packets - before < 50) await setTimeout(10)
    const askedMs = Number(process.hrtime.bigint()) / 1e6
    await network.failOver('aws', 'azure', { routes: ['vpn-2'], tookMs: 1500, both: true })
    const seen = await sending
    const log = await network.failovers()
    t.strictSame(
      log.map(({ from, after }) => [from, ...after]),
      [
        ['aws', 'vpn-2'],
        ['azure', 'vpn-2'],
      ],
    )
    const [{ beganAtMs, endsAtMs }] = log as [(typeof log)[0]]
    t.ok(beganAtMs >= askedMs && beganAtMs - askedMs < 30_000, `began ${beganAtMs - askedMs} ms after it was asked for`)
    t.equal(Math.round(endsAtMs - beganAtMs), 1500)
    const missing = seen.filter(({ replySize }) => replySize === undefined).length
    const logged = log.reduce((sum, { lost }) => sum + lost, 0)
    t.ok(logged > 0 && missing >= logged, `${missing} answers did not come in time, ${logged} packets were lost by the log`)
    const last = seen.at(-1)!.rttMs!
    const first = Math.min(...seen.slice(0, 40).map(({ rttMs }) => rttMs ?? Number.POSITIVE_INFINITY))
    t.ok(first < 24 && last >= 24, `${first} ms of round trip became ${last}, want 4 and 24`)
  })

  t.test('the WAN refuses what does not exist, and goes on', async t => {
    await t.rejects(network.useRoutes('aws', 'azure', ['vpn-3']), /unknown route "vpn-3": want one of vpn-1, vpn-2/)
    await t.rejects(network.setRoute('aws', 'azure', 'vpn-1', { hops: -1 }), /hops is -1/)
    await t.rejects(network.failOver('aws', 'azure', { routes: ['vpn-1'], tookMs: -1 }), /tookMs is -1/)
    await network.useRoutes('aws', 'azure', ['vpn-1'])
    t.equal((await network.routes()).aws.azure.use.join(), 'vpn-1')
  })
})
