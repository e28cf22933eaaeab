import t from 'tap'
import { needsNamespaces } from '../../lab/needs-namespaces.ts'
import { startTwoSites, type TwoSites } from './two-sites.ts'

const skip = await needsNamespaces()
const families = [4, 6] as const

t.test('a network of two sites', { skip }, async t => {
  const network: TwoSites = await startTwoSites()
  t.teardown(network.stop)
  /** Every test starts from perfect links: here one sets what it needs, and it is undone. */
  const set: TwoSites['setLink'] = async (from, to, change) => {
    await network.setLink(from, to, change)
    const perfect = {
      mtu: undefined,
      fragment: undefined,
      signalMtu: undefined,
      clampMss: undefined,
      rateBitsPerSecond: undefined,
      dropTcpPorts: undefined,
    }
    const off = {
      delayMs: 0,
      jitterMs: 0,
      loss: 0,
      signal: false,
      dropIcmp: false,
      dropIcmpErrors: false,
      loseSecondSegment: false,
      down: false,
    }
    undo.push(() => network.setLink(from, to, { ...perfect, ...off }))
  }
  const undo: (() => Promise<void>)[] = []
  t.afterEach(async () => {
    for (const reset of undo.splice(0)) await reset()
    for (const site of ['aws', 'azure'] as const) await network.run(site, ['sh', '-c', 'ip -4 route flush cache; ip -6 route flush cache'])
  })

  for (const family of families) {
    t.test(`IPv${family}: the delay of each direction adds up to the round trip`, async t => {
      await set('aws', 'azure', { delayMs: 15 })
      await set('azure', 'aws', { delayMs: 10.5 })
      const seen = await network.send(Array(30).fill({ size: 100 }), family)
      const fastest = Math.min(...seen.map(({ rttMs }) => rttMs ?? Number.POSITIVE_INFINITY))
      t.ok(fastest >= 25.5 && fastest < 100, `15 ms and 10.5 ms took ${fastest} ms`)
    })

    t.test(`IPv${family}: without a signal a packet one byte too large vanishes, in that direction only`, async t => {
      await set('aws', 'azure', { mtu: 1420 })
      const seen = await network.send([{ size: 1420 }, { size: 1421 }, { size: 100, replySize: 1500 }], family)
      t.match(seen, [
        { replySize: 1420 },
        { replySize: undefined, icmp: undefined, sendError: undefined, pathMtu: 1500 },
        { replySize: 1500 },
      ])
    })

    t.test(`IPv${family}: with a signal the kernel learns the path MTU from the hop's own address`, async t => {
      await set('aws', 'azure', { mtu: 1420, signal: true })
      const [fits, tooBig] = await network.send([{ size: 1420 }, { size: 1421 }], family)
      t.match(fits, { replySize: 1420 })
      const offender = family === 4 ? network.sites.aws.gateway : network.sites.aws.gateway6
      const [type, code] = family === 4 ? [3, 4] : [2, 0]
      t.match(tooBig, { replySize: undefined, pathMtu: 1420, icmp: { type, code, info: 1420, offender } })
    })

    t.test(`IPv${family}: the hop lies about its MTU`, async t => {
      await set('aws', 'azure', { mtu: 1420, signal: true, signalMtu: 1400 })
      t.match(await network.send([{ size: 1450 }], family), [{ pathMtu: 1400, icmp: { info: 1400 } }])
    })

    t.test(`IPv${family}: a firewall on the way back eats the signal`, async t => {
      await set('aws', 'azure', { mtu: 1420, signal: true })
      await set('azure', 'aws', { dropIcmpErrors: true })
      t.match(await network.send([{ size: 1421 }], family), [{ icmp: undefined, replySize: undefined, pathMtu: 1500 }])
    })

    t.test(`IPv${family}: the hop answers a packet whose time is over`, async t => {
      const [seen] = await network.send([{ size: 100, ttl: 1 }], family)
      const offender = family === 4 ? network.sites.aws.gateway : network.sites.aws.gateway6
      t.match(seen, { icmp: { type: family === 4 ? 11 : 3, code: 0, offender } })
    })

    t.test(`IPv${family}: TCP hangs in a black hole and gets through with the signal or a clamp`, async t => {
      await set('aws', 'azure', { mtu: 1400 })
      t.match(await network.stream(20_000, { family }), { connected: true, received: 0 })
      await set('azure', 'aws', { clampMss: 1400 - (family === 4 ? 40 : 60) })
      const clamped = await network.stream(20_000, { family })
      t.match(clamped, { received: 20_004, sndMss: 1400 - (family === 4 ? 52 : 72), retransmits: 0 })
      await network.setLink('azure', 'aws', { clampMss: undefined })
      await network.setLink('aws', 'azure', { signal: true })
      t.match(await network.stream(20_000, { family }), { received: 20_004, pathMtu: 1400 })
    })

    t.test(`IPv${family}: a middlebox loses the second packet of the client's first flight`, async t => {
      await set('aws', 'azure', { loseSecondSegment: true })
      t.match(await network.stream(1400, { family, second: 20_000 }), { received: 21_408 })
      t.match(await network.stream(2000, { family }), { connected: true, received: 0 })
    })
  }

  t.test('a datagram without DF is cut into fragments where the hop is a router, else lost', async t => {
    await set('aws', 'azure', { mtu: 1000 })
    const large = { size: 1450, replySize: 100, df: false }
    t.match(await network.send([large]), [{ replySize: undefined, icmp: undefined }])
    await network.setLink('aws', 'azure', { fragment: true })
    t.match(await network.send([large]), [{ replySize: 100 }])
  })

  t.test('a link that goes down and comes up again while running', async t => {
    t.match(await network.send([{ size: 100 }]), [{ replySize: 100 }])
    await set('aws', 'azure', { down: true })
    t.match(await network.send([{ size: 100 }]), [{ replySize: undefined }])
    await network.setLink('aws', 'azure', { down: false })
    t.match(await network.send([{ size: 100 }]), [{ replySize: 100 }])
  })

  t.test('a filtered TCP port is silent, other traffic passes', async t => {
    await set('aws', 'azure', { dropTcpPorts: [7000] })
    t.match(await network.stream(10, { waitMs: 500 }), { connected: false })
    t.match(await network.send([{ size: 100 }]), [{ replySize: 100 }])
  })

  t.test('a rate spreads packets out', async t => {
    await set('aws', 'azure', { rateBitsPerSecond: 1_000_000 })
    const seen = await network.send(Array(10).fill({ size: 1250, replySize: 100 }))
    const fastest = Math.min(...seen.map(({ rttMs }) => rttMs ?? Number.POSITIVE_INFINITY))
    t.ok(fastest >= 10 && fastest < 100, `10,000 bits at 1 Mbit/s took ${fastest} ms`)
  })

  t.test('random loss is of one direction, and counted', async t => {
    const before = (await network.counters()).aws.azure
    await set('aws', 'azure', { loss: 0.3 })
    const seen = await network.send(Array(100).fill({ size: 60 }), 4, 100)
    const after = (await network.counters()).aws.azure
    const lost = seen.filter(({ replySize }) => replySize === undefined).length
    t.ok(lost > 10 && lost < 50, `${lost} of 100 lost`)
    const dropped = after.dropped.loss - before.dropped.loss
    t.ok(lost >= dropped && lost <= dropped + 5, `${lost} answers did not come in time, ${dropped} packets were dropped`)
    t.equal(after.packets - before.packets, 100)
  })

  t.test('sizes that nothing else limits pass whole', async t => {
    t.match(await network.send([{ size: 1500 }, { size: 1501 }]), [
      { replySize: 1500 },
      { sendError: 'EMSGSIZE', icmp: { origin: 1, info: 1500 } },
    ])
  })
})

t.test('a jumbo frame is lost without a word at a site with a smaller interface', { skip }, async t => {
  const network = await startTwoSites([], { aws: { interfaceMtu: 9001 } })
  t.teardown(network.stop)
  t.match(await network.send([{ size: 1500 }, { size: 1501 }]), [{ replySize: 1500 }, { replySize: undefined, icmp: undefined }])
  t.match(await network.stream(100_000), { received: 100_004, sndMss: 1448 })
  t.equal((await network.counters()).aws.azure.dropped.receiver_mtu, 1)
})
