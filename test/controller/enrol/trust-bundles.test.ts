import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Agent } from 'undici'
import { type BundleAsking, type BundleEndpoint, fetchBundle } from '../../../controller/enrol/bundle-endpoint.ts'
import { nextLookMs } from '../../../controller/enrol/held-bundle.ts'
import { proveByPeer } from '../../../controller/enrol/spiffe.ts'
import { keepTrustBundles } from '../../../controller/enrol/trust-bundles.ts'
import { getSetting, listSettings } from '../../../controller/store/settings.ts'
import { openSqlite } from '../../../controller/store/sqlite.ts'
import { makeAuthority } from '../../servers/authority.ts'
import { type BundleAnswer, bundleEndpoints } from '../../servers/bundle-endpoint.ts'
import { makeTrustDomain, type TrustDomain } from '../../servers/spiffe.ts'
import { readCertificates } from './certificates.ts'

/** Sleepers that go on when they are told to, and not before all of them sleep. */
const makeNights = () => {
  const sleeping = new Map<AbortSignal, { ms: number; wake: () => void }>()
  const waiting = new Set<() => void>()
  const sleep = (ms: number, stop: AbortSignal): Promise<void> =>
    new Promise(resolve => {
      const wake = (): void => {
        sleeping.delete(stop)
        resolve()
      }
      if (stop.aborted) return resolve()
      stop.addEventListener('abort', wake, { once: true })
      sleeping.set(stop, { ms, wake })
      for (const check of waiting) check()
    })
  const asleep = (count: number): Promise<number[]> =>
    new Promise(resolve => {
      const check = (): void => {
        if (sleeping.size < count) return
        waiting.delete(check)
        resolve([...sleeping.values()].map(({ ms }) => ms))
      }
      waiting.add(check)
      check()
    })
  return {
    sleep,
    asleep,
    /** All look once more; resolves when all sleep again. */
    next: async (): Promise<number[]> => {
      const { size } = sleeping
      for (const { wake } of [...sleeping.values()]) wake()
      return await asleep(size)
    },
  }
}

const setUp = async (t: Test) => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-bundles-'))
  const path = join(directory, 'controller.db')
  const web = await makeAuthority({ name: 'web' })
  const dispatcher = new Agent({ connect: { ca: web.certPem }, keepAliveTimeout: 1 })
  const files: Record<string, string> = {}
  let store = await openSqlite({ path })
  const domain = await makeTrustDomain('td.example')
  const start = () => {
    const nights = makeNights()
    const keeper = keepTrustBundles({
      store,
      fetchBundle: (endpoint: BundleEndpoint, asking: BundleAsking) => fetchBundle(endpoint, { ...asking, web: dispatcher }),
      readFile: async name => {
        const text = files[name]
        if (text === undefined) throw new Error('ENOENT')
        return text
      },
      random: () => 0,
      nowMs: () => Date.now(),
      sleep: nights.sleep,
    })
    t.teardown(() => keeper.close())
    return { keeper, ...nights }
  }
  /** The store opened anew, as a new process does. */
  const restart = async () => {
    await store.close()
    store = await openSqlite({ path })
    return start()
  }
  t.teardown(async () => {
    await Promise.all([store.close(), dispatcher.destroy()])
    rmSync(directory, { recursive: true, force: true })
  })
  return { web, domain, files, start, restart, store: () => store }
}

const endpointOf = (url: string): BundleEndpoint => ({ url, profile: 'https_web' })
const pinsOf = (domain: TrustDomain) => readCertificates(domain.published().map(({ certPem }) => certPem)).map(one => one.fingerprint256)
const heldOf = ({ current }: { current(): ReadonlyMap<string, readonly { fingerprint256: string }[]> }, name = 'td.example') =>
  current()
    .get(name)
    ?.map(one => one.fingerprint256)

t.test('a bundle is fetched at its refresh hint, and an SVID of a new authority enrols after that', async t => {
  const { web, domain, start } = await setUp(t)
  const endpoint = await bundleEndpoints.https_web(domain, web)
  t.teardown(endpoint.close)
  const { keeper, asleep, next } = start()
  keeper.follow([{ name: 'spiffe://TD.example', bundleEndpoint: endpointOf(endpoint.url) }])
  t.strictSame(await asleep(1), [300_000], 'the hint')
  t.strictSame(heldOf(keeper), pinsOf(domain))
  t.equal(keeper.problems().size, 0)
  await domain.activate()
  const { chainPem } = await domain.issue()
  const prove = () =>
    proveByPeer(
      readCertificates([chainPem]).map(({ x509 }) => x509.raw),
      { location: { cluster: 'eks' } },
      {
        trustDomains: ['td.example'],
        clusters: [{ name: 'eks', issuer: 'https://i.example', audience: 'a', subjects: ['s'], cloud: 'aws', region: 'us-east-1' }],
        bundles: keeper.current(),
        nowMs: Date.now(),
      },
    )
  t.match(prove(), { reason: 'svid_invalid' })
  await next()
  t.match(prove(), { ok: true })
  keeper.follow([{ name: 'td.example', bundleEndpoint: endpointOf(endpoint.url) }])
  t.equal(endpoint.requests(), 2, 'the same fleet is no reason to ask again')
})

t.test('while an endpoint is away what it gave goes on, also after a restart, and the problem has a name', async t => {
  const { web, domain, start, restart, store } = await setUp(t)
  const endpoint = await bundleEndpoints.https_web(domain, web)
  const first = start()
  const fleet = [
    { name: 'td.example', bundleEndpoint: endpointOf(endpoint.url) },
    { name: 'none.example' },
    { name: 'away.example', bundleEndpoint: endpointOf('https://127.0.0.1:1/') },
  ]
  first.keeper.follow(fleet)
  await first.asleep(3)
  t.match(first.keeper.problems().get('none.example'), /no bundle of it: give bundleEndpoint/)
  t.match(first.keeper.problems().get('away.example'), /ECONNREFUSED.*no SVID of it can enrol/)
  t.equal(first.keeper.problems().has('td.example'), false)
  await endpoint.close()
  const ms = await first.next()
  t.ok(Math.max(...ms) <= 60_000, 'who is away is asked again soon')
  t.match(first.keeper.problems().get('td.example'), /ECONNREFUSED.*the one of \d{4}-.* goes on/)
  t.strictSame(heldOf(first.keeper), pinsOf(domain))
  await first.keeper.close()
  const second = await restart()
  second.keeper.follow(fleet)
  await second.asleep(3)
  t.strictSame(heldOf(second.keeper), pinsOf(domain))
  t.strictSame([...second.keeper.current().keys()], ['td.example'])
  second.keeper.follow(fleet.slice(1))
  await second.keeper.close()
  t.strictSame(
    await store().read(sql => listSettings(sql, 'enrol/bundle/')),
    [],
    'what is no trust domain of the fleet any more is dropped',
  )
})

t.test('what is no bundle, or an older one, replaces nothing', async t => {
  const { web, domain, start, store } = await setUp(t)
  const endpoint = await bundleEndpoints.https_web(domain, web)
  t.teardown(endpoint.close)
  const { keeper, asleep, next } = start()
  keeper.follow([{ name: 'td.example', bundleEndpoint: endpointOf(endpoint.url) }])
  await asleep(1)
  const pins = pinsOf(domain)
  const cases: [BundleAnswer, RegExp][] = [
    ['malformed', /not whole JSON/],
    ['HTML', /JSON/],
    ['PEM', /PEM, want a JWK set/],
    ['no keys', /keys/],
    ['x5c is no certificate', /x5c/],
    ['nested 1,000,000 deep', /deep/],
    ['huge', /more than 4194304 bytes/],
    ['status 500 with the document', /500, want 200/],
    ['redirect', /302, want 200/],
    ['hangs up', /./],
    ['stops half-way', /./],
  ]
  for (const [answer, problem] of cases) {
    endpoint.setAnswer(answer)
    await next()
    t.match(keeper.problems().get('td.example'), problem, answer)
    t.strictSame(heldOf(keeper), pins, answer)
  }
  endpoint.setAnswer('sequence above 2^53')
  await next()
  t.equal(keeper.problems().size, 0)
  endpoint.setAnswer('healthy')
  await domain.prepare()
  await next()
  t.match(keeper.problems().get('td.example'), /went back from sequence 90071992547\d+ to 2/)
  t.strictSame(heldOf(keeper), pins)
  const stored = await store().read(sql => getSetting<{ document: string }>(sql, 'enrol/bundle/td.example'))
  t.match(stored!.document, /"spiffe_sequence":90071992547/, 'also in the store, and exactly')
})

t.test('an endpoint that withdraws everything is believed, and said', async t => {
  const { web, domain, start } = await setUp(t)
  const endpoint = await bundleEndpoints.https_web(domain, web, { answer: 'private key in it' })
  t.teardown(endpoint.close)
  const { keeper, asleep, next } = start()
  keeper.follow([{ name: 'td.example', bundleEndpoint: endpointOf(endpoint.url) }])
  await asleep(1)
  t.match(keeper.problems().get('td.example'), /private key|secret/i)
  t.strictSame(heldOf(keeper), pinsOf(domain), 'taken all the same')
  await next()
  t.match(keeper.problems().get('td.example'), /private key|secret/i, 'and said as long as it is so')
  endpoint.setAnswer('empty')
  await next()
  t.strictSame(heldOf(keeper), [])
  t.match(keeper.problems().get('td.example'), /no X.509 authority in it/)
})

t.test('https_spiffe: the endpoint is judged by the bundle that is held, of which the first comes from a file', async t => {
  const { web, domain, files, start } = await setUp(t)
  const endpoint = await bundleEndpoints.https_spiffe(domain, web)
  t.teardown(endpoint.close)
  const bundleEndpoint: BundleEndpoint = { url: endpoint.url, profile: 'https_spiffe', endpointId: 'spiffe://td.example/bundle-endpoint' }
  const { keeper, asleep, next } = start()
  keeper.follow([{ name: 'td.example', bundleEndpoint }])
  await asleep(1)
  t.match(keeper.problems().get('td.example'), /no bundle of td\.example is held .*bundle: \{ file: … \}/)
  t.equal(endpoint.requests(), 0, 'nobody is trusted for being there first')
  const bundle = { file: '/etc/causeway/td.pem' }
  keeper.follow([{ name: 'td.example', bundleEndpoint, bundle }])
  await asleep(1)
  t.match(keeper.problems().get('td.example'), /no bundle of td\.example is held/)
  files[bundle.file] = domain.bundlePem()
  await domain.prepare()
  await next()
  t.equal(keeper.problems().size, 0)
  t.equal(heldOf(keeper)!.length, 2, 'the endpoint has given what the file had not')
  await domain.activate()
  domain.retire()
  const fresh = await domain.issue({ path: '/bundle-endpoint' })
  endpoint.setCertificate(fresh.chainPem, fresh.keyPem)
  await next()
  t.equal(keeper.problems().size, 0)
  t.strictSame(heldOf(keeper), pinsOf(domain), 'rotations are followed, and the old file does not come back')
  const another = await makeTrustDomain('td.example')
  const impostor = await another.issue({ path: '/bundle-endpoint' })
  const cases: [typeof impostor, RegExp][] = [
    [impostor, /bundle of td\.example/],
    [await domain.issue({ path: '/somebody-else' }), /want spiffe:\/\/td\.example\/bundle-endpoint/],
    [await domain.issue({ path: '/bundle-endpoint', fault: 'expired' }), /expired/],
    [
      { ...(await web.issue({ addresses: ['127.0.0.1'] })), id: '', keyDer: Buffer.alloc(0), chainDer: Buffer.alloc(0) },
      /does it serve https_web\?/,
    ],
  ]
  const before = endpoint.requests()
  for (const [{ chainPem, keyPem }, problem] of cases) {
    endpoint.setCertificate(chainPem, keyPem)
    await next()
    t.match(keeper.problems().get('td.example'), problem)
  }
  t.equal(endpoint.requests(), before, 'nothing is asked of who is not the endpoint')
  files[bundle.file] = another.document()
  endpoint.setCertificate(impostor.chainPem, impostor.keyPem)
  await next()
  t.strictSame([keeper.problems().size, endpoint.requests()], [0, before + 1], "a new file is the admin's word, whatever was held")
})

t.test('a trust domain without an endpoint has the bundle of its file, and a new one when the file changes', async t => {
  const { domain, files, start } = await setUp(t)
  const bundle = { file: '/etc/causeway/td.json' }
  files[bundle.file] = domain.document({ refreshHintSeconds: null })
  const { keeper, asleep, next } = start()
  keeper.follow([{ name: 'td.example', bundle }])
  await asleep(1)
  t.strictSame([heldOf(keeper), keeper.problems().size], [pinsOf(domain), 0])
  await domain.prepare()
  files[bundle.file] = domain.bundlePem()
  await next()
  t.strictSame(heldOf(keeper), pinsOf(domain))
  files[bundle.file] = 'rubbish'
  await next()
  t.match(keeper.problems().get('td.example'), /td\.json: .*goes on/)
  t.strictSame(heldOf(keeper), pinsOf(domain))
})

t.test('a store that is away is a problem, and the bundles are there all the same', async t => {
  const { web, domain, start, store } = await setUp(t)
  const endpoint = await bundleEndpoints.https_web(domain, web)
  t.teardown(endpoint.close)
  const { keeper, asleep, next } = start()
  keeper.follow([{ name: 'td.example', bundleEndpoint: endpointOf(endpoint.url) }])
  await asleep(1)
  await store().close()
  await domain.prepare()
  await next()
  t.match(keeper.problems().get('td.example'), /the store: /)
  t.strictSame(heldOf(keeper), pinsOf(domain))
})

t.test('an endpoint that says nothing keeps nobody from ending', async t => {
  const { web, domain, start } = await setUp(t)
  const endpoint = await bundleEndpoints.https_web(domain, web, { answer: 'silent' })
  t.teardown(endpoint.close)
  const { keeper } = start()
  keeper.follow([{ name: 'td.example', bundleEndpoint: endpointOf(endpoint.url) }])
  while (endpoint.requests() === 0) await new Promise(resolve => setImmediate(resolve))
  await keeper.close()
  t.equal(keeper.current().size, 0)
})

t.test('the time to the next look is the hint, within bounds; failures are tried again sooner', async t => {
  const hinted = (refreshHintSeconds: number | null) => ({
    form: 'endpoint' as const,
    x509: [],
    jwt: [],
    sequence: null,
    refreshHintSeconds,
  })
  t.strictSame(
    [hinted(600), hinted(null), undefined, hinted(0), hinted(1), hinted(10 ** 9)].map(bundle => nextLookMs(bundle, 0, 0)),
    [600_000, 300_000, 300_000, 300_000, 30_000, 3_600_000],
  )
  t.strictSame(
    [1, 2, 3, 4, 5, 99].map(failures => nextLookMs(hinted(600), failures, 0)),
    [5000, 10_000, 20_000, 40_000, 60_000, 60_000],
  )
  t.equal(nextLookMs(hinted(30), 99, 0), 30_000)
  t.ok(nextLookMs(hinted(600), 0, 0.999) >= 540_000)
})
