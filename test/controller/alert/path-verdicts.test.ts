/** What localisation is told of a path, out of the fleet file and of what agents say of themselves. */
import t, { type Test } from 'tap'
import { Fleetwise } from '../../../controller/alert/fleetwise.ts'
import { PathVerdicts } from '../../../controller/alert/path-verdicts.ts'
import { Paths } from '../../../controller/alert/paths.ts'
import type { AlertAgent } from '../../../controller/alert/surroundings.ts'
import { mergeFleets } from '../../../controller/fleet/merge.ts'
import { parseFleet } from '../../../controller/fleet/parse.ts'
import type { PathLabels } from '../../../controller/history/labels.ts'

const fleetText = `apiVersion: causeway/v1
owner: platform
clusters: [{ name: prod, issuer: https://oidc.prod.example, audience: causeway, subjects: ["system:serviceaccount:causeway:agent"], cloud: aws, region: us-east-1 }]
targets:
  - { name: payments, address: payments.example:443, expectTrustDomain: payments.example }
  - { name: ledger, address: ledger.example:443, expectId: spiffe://ledger.example/api }
checks: [{ name: pay, kind: mtls, every: 10s }, { name: mesh, kind: mtls, every: 10s }, { name: cloud, kind: federation, every: 5m, options: { to: aws } }]
links: [{ from: aws/us-east-1, to: azure/eastus, via: transit-hub }]
`
const agent = (id: string, location: AlertAgent['location'], more: Partial<AlertAgent> = {}): AlertAgent => ({
  ...{ id, location, state: 'live', lastSeenMs: 0, isCordoned: false },
  ...more,
})
const agents = new Map(
  [
    agent('vm-1', { cloud: 'aws', region: 'us-east-1', cluster: 'prod' }),
    agent('vm-2', { cloud: 'azure', region: 'eastus' }, { trustDomain: 'azure.example' }),
  ].map(one => [one.id, one]),
)
const ends = { source: { cloud: 'aws', region: 'us-east-1' }, destination: { cloud: 'azure', region: 'eastus' } }

const verdictsOf = (t: Test) => {
  const parsed = parseFleet(fleetText)
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
  const [fleetwise, paths] = [new Fleetwise(), new Paths()]
  fleetwise.renew({ fleet: mergeFleets([parsed.value]) })
  const verdicts = new PathVerdicts(paths)
  t.teardown(() => verdicts.renew(undefined, undefined))
  return (labels: Pick<PathLabels, 'check' | 'kind' | 'target'>) =>
    verdicts.of(paths.numberOf('vm-1', { ...labels, host: 'h', ...ends }), agents, fleetwise)
}

t.test('a link that the fleet file says is carried by a hub has it', async t => {
  t.match(verdictsOf(t)({ check: 'pay', kind: 'mtls', target: 'payments' }), { via: 'transit-hub', trustDomain: 'payments.example' })
})

t.test('a trust domain is the target’s, or that of its identity, or what an agent shows', async t => {
  const of = verdictsOf(t)
  t.equal(of({ check: 'pay', kind: 'mtls', target: 'ledger' }).trustDomain, 'ledger.example')
  t.equal(of({ check: 'mesh', kind: 'mtls', target: 'agent/vm-2/mtls' }).trustDomain, 'azure.example')
  t.equal(of({ check: 'mesh', kind: 'tcp', target: 'agent/vm-2' }).trustDomain, undefined)
})

t.test('who signs the tokens of a cluster is the issuer of its federated credentials', async t => {
  t.equal(verdictsOf(t)({ check: 'cloud', kind: 'federation', target: 'aws' }).issuer, 'https://oidc.prod.example')
})
