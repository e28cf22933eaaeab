import fc from 'fast-check'
import t from 'tap'
import { localise } from '../../../controller/localise/localise.ts'
import { incidentKey, type Place, placeText } from '../../../controller/localise/place.ts'
import type { PathVerdict } from '../../../controller/localise/verdict.ts'
import { runTrials } from '../../sim-mesh/trials.ts'

const regions = ['aws/us-east-1', 'aws/eu-west-1', 'azure/eastus', 'azure/westeurope', 'gcp/us-central1', 'gcp/europe-west1']
type Spot = { agent: string; node: string; zone: string; region: string; cloud: string }
const spots: Spot[] = regions.flatMap(region =>
  ['a', 'b', 'c', 'd'].map((letter, i) => ({
    agent: `${region}-${letter}`,
    node: `node-${region}-${letter}`,
    zone: `${region}/${i < 2 ? 'a' : 'b'}`,
    region,
    cloud: region.split('/')[0]!,
  })),
)
type Of = (from: Spot, to: Spot) => Partial<PathVerdict> | undefined

/** Everyone probes everyone; what `of` says differs from good. */
const mesh = (of: Of, kinds: PathVerdict['kind'][] = ['icmp', 'tcp']): PathVerdict[] =>
  spots.flatMap(from =>
    spots
      .filter(to => to !== from)
      .flatMap(to =>
        kinds.map(kind => ({
          ...from,
          path: `${from.agent} ${to.agent} ${kind}`,
          target: to.agent,
          toAgent: to.agent,
          toNode: to.node,
          toZone: to.zone,
          toRegion: to.region,
          toCloud: to.cloud,
          check: `mesh-${kind}`,
          kind,
          verdict: 'good' as const,
          ...of(from, to),
        })),
      ),
  )
const lost = { verdict: 'bad', layer: 'reach', reason: 'no_reply' } as const
const found = (paths: readonly PathVerdict[]): string[] =>
  localise(paths).faults.map(({ place, layer }) => `${placeText(place)} (${layer})`)

t.test('a healthy mesh has no fault, and neither has nothing at all', async t => {
  t.same(localise(mesh(() => undefined)), { faults: [], unexplained: [] })
  t.same(localise([]), { faults: [], unexplained: [] })
})

t.test('a region that loses all egress is one place, although everyone who probes it sees it', async t => {
  const cut = mesh((from, to) => ((from.region === regions[0]) === (to.region === regions[0]) ? undefined : lost))
  t.same(found(cut), ['region aws/us-east-1 (reach)'])
  const { faults, unexplained } = localise(cut)
  t.equal(faults[0]!.explains.length, 2 * 2 * 4 * 20)
  t.same(unexplained, [])
})

t.test('what agents could tell of the direction is the direction', async t => {
  const told = mesh((from, to) =>
    from.region === regions[0] && to.region === regions[2]
      ? { ...lost, reason: 'packet_loss', direction: 'reverse' }
      : from.region === regions[2] && to.region === regions[0]
        ? { ...lost, reason: 'packet_loss', direction: 'forward' }
        : undefined,
  )
  t.same(found(told), ['azure/eastus → aws/us-east-1 (reach)'])
})

t.test('the same link has the same key from either side, while the other side is not heard of', async t => {
  const keyFrom = (cloud: string): string => {
    const isCut = (from: Spot, to: Spot) => (from.cloud === 'aws' && to.cloud === 'gcp') || (from.cloud === 'gcp' && to.cloud === 'aws')
    const far = cloud === 'aws' ? 'gcp' : 'aws'
    const paths = mesh((from, to) => (from.cloud === far ? { verdict: 'unknown' } : isCut(from, to) ? lost : undefined))
    const { faults } = localise(paths)
    t.equal(faults.length, 1)
    return incidentKey(faults[0]!.place, faults[0]!.layer)
  }
  t.equal(keyFrom('aws'), 'reach:clouds:aws<>gcp')
  t.equal(keyFrom('gcp'), keyFrom('aws'))
})

t.test('connections that are refused one way only are a fault of that way', async t => {
  const refused = { verdict: 'bad', layer: 'tcp', reason: 'tcp_timeout' } as const
  const paths = mesh((from, to) => (from.region === regions[0] && to.region === regions[2] ? refused : undefined), ['tcp'])
  t.same(found(paths), ['aws/us-east-1 → azure/eastus (tcp)'])
})

t.test('two faults, neither within the other, are two', async t => {
  const paths = mesh((from, to) =>
    (from.region === regions[0] && to.region === regions[2]) ||
    (from.region === regions[2] && to.region === regions[0]) ||
    from.agent === `${regions[4]}-a` ||
    to.agent === `${regions[4]}-a`
      ? lost
      : undefined,
  )
  t.same(new Set(found(paths)), new Set(['agent gcp/us-central1-a (reach)', 'aws/us-east-1 ↔ azure/eastus (reach)']))
})

t.test('everything through one hub is one fault at the hub', async t => {
  const clouds = ['aws', 'gcp']
  const isHubbed = (from: Spot, to: Spot) =>
    from.cloud !== to.cloud && (from.cloud === 'azure' || to.cloud === 'azure' || clouds.includes(to.cloud))
  const paths = mesh((from, to) => (isHubbed(from, to) ? { ...lost, via: 'transit' } : undefined))
  t.same(found(paths), ['hub transit (reach)'])
})

t.test('the lowest layer decides, and takes along what is silent above it but not what answered', async t => {
  const paths = mesh(
    (from, to) =>
      from.region === regions[0] && to.region === regions[2]
        ? { verdict: 'bad', layer: 'path', reason: 'mtu_black_hole', direction: 'forward' }
        : undefined,
    ['mtu'],
  )
  const stalled = mesh(
    (from, to) =>
      from.region === regions[0] && to.region === regions[2] ? { verdict: 'bad', layer: 'tls', reason: 'tls_stalled' } : undefined,
    ['mtls'],
  )
  const { faults } = localise([...paths, ...stalled])
  t.same(
    faults.map(({ place, layer, explains }) => [placeText(place), layer, explains.length]),
    [['aws/us-east-1 → azure/eastus', 'path', 32]],
  )
  const expired = mesh(
    (from, to) =>
      from.region === regions[0] && to.region === regions[2] ? { verdict: 'bad', layer: 'identity', reason: 'svid_expired' } : undefined,
    ['mtls'],
  )
  t.same(found([...paths, ...expired]), ['aws/us-east-1 → azure/eastus (path)', 'aws/us-east-1 → azure/eastus (identity)'])
})

t.test('ICMP that stays silent beside TCP that works is neither a fault nor unexplained', async t => {
  const silent = mesh((_, to) => (to.region === regions[0] ? lost : undefined), ['icmp'])
  const working = mesh(() => undefined, ['tcp'])
  t.same(localise([...silent, ...working]), { faults: [], unexplained: [] })
})

t.test('one bad path among many good ones is explained by nothing', async t => {
  const paths = mesh(
    (from, to) => (from === spots[0] && to === spots[5] ? { verdict: 'bad', layer: 'tcp', reason: 'tcp_timeout' } : undefined),
    ['tcp'],
  )
  t.same(localise(paths), { faults: [], unexplained: [`${spots[0]!.agent} ${spots[5]!.agent} tcp`] })
})

t.test('a place without any good path is a fault all the same', async t => {
  const paths = mesh(() => lost).filter(({ region, toRegion }) => region === regions[0] && toRegion === regions[2])
  t.same(found(paths), ['aws/us-east-1 ↔ azure/eastus (reach)'])
})

t.test('the order of the paths changes nothing, and every bad path is explained once or not at all', async () => {
  const verdict = fc.constantFrom('good', 'good', 'good', 'bad', 'unknown') as fc.Arbitrary<PathVerdict['verdict']>
  const some = fc.array(fc.record({ from: fc.nat(spots.length - 1), to: fc.nat(spots.length - 1), verdict }), { maxLength: 120 })
  fc.assert(
    fc.property(some, fc.integer(), (asked, seed) => {
      const paths = asked.map(({ from, to, verdict }, i) => ({
        ...mesh(() => undefined, ['tcp']).find(
          path => path.agent === spots[from]!.agent && path.target === spots[to === from ? (to + 1) % spots.length : to]!.agent,
        )!,
        path: String(i),
        verdict,
      }))
      const { faults, unexplained } = localise(paths)
      const all = [...faults.flatMap(({ explains }) => explains), ...unexplained]
      const bad = paths.filter(path => path.verdict === 'bad').map(({ path }) => path)
      const turned = [...paths].sort((a, b) => ((Number(a.path) * 7919 + seed) % 101) - ((Number(b.path) * 7919 + seed) % 101))
      const again = localise(turned)
      return (
        all.sort().join() === bad.sort().join() &&
        again.faults.map(({ place, layer }) => incidentKey(place, layer)).join() ===
          faults.map(({ place, layer }) => incidentKey(place, layer)).join()
      )
    }),
    { numRuns: 40 },
  )
})

const shape = { clouds: 3, regionsPerCloud: 3, zonesPerRegion: 2, agents: 50, agentsPerNode: 2, servicesPerRegion: 2 }
t.setTimeout(600_000)

const asked = { shape, degree: 20, flipped: 0.01 }

t.test('in a mesh of packets, 1 % of verdicts flipped: no fault is no place', async t => {
  const { falsePlaces, misses } = runTrials({ ...asked, faults: 0, trials: 40, seed: 1 })
  t.ok(falsePlaces <= 1, misses.join('\n'))
})

t.test('in a mesh of packets, 1 % of verdicts flipped: one fault is one place, and the right one', async t => {
  const { exact, trials, misses } = runTrials({ ...asked, faults: 1, trials: 100, seed: 2 })
  t.ok(exact >= 0.97 * trials, `${exact} of ${trials}\n${misses.join('\n')}`)
})

t.test('in a mesh of packets, 1 % of verdicts flipped: two independent faults are both found', async t => {
  const { allRight, trials, misses } = runTrials({ ...asked, faults: 2, trials: 100, seed: 3 })
  t.ok(allRight >= 0.92 * trials, `${allRight} of ${trials}\n${misses.join('\n')}`)
})

t.test('the text of every kind of place names it', async t => {
  const places: Place[] = [
    { kind: 'agent', name: 'a', direction: 'both' },
    { kind: 'family', family: 6 },
    { kind: 'trustDomain', name: 'x.example' },
    { kind: 'issuer', name: 'https://i.example' },
    { kind: 'target', name: 'payments' },
  ]
  t.same(places.map(placeText), ['agent a', 'IPv6', 'trust domain x.example', 'issuer https://i.example', 'target payments'])
})
