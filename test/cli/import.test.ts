import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import t from 'tap'
import { readIstio } from '../../cli/istio/objects.ts'
import { targetsOf } from '../../cli/istio/targets.ts'
import { main } from '../../cli/main.ts'
import { parseFleet } from '../../controller/fleet/parse.ts'
import { worldOf } from './canned.ts'

const eastWest = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: payments, namespace: core }
spec:
  hosts: [payments.core.svc.cluster.local]
  location: MESH_INTERNAL
  ports: [{ number: 8443, name: tls, protocol: TLS }]
  resolution: STATIC
  endpoints:
    - { address: 203.0.113.7, ports: { tls: 15443 }, network: azure }
  subjectAltNames: ["spiffe://azure.example/ns/core/sa/payments"]
---
apiVersion: networking.istio.io/v1beta1
kind: DestinationRule
metadata: { name: payments, namespace: core }
spec:
  host: payments
  subsets: [{ name: v2, labels: { version: v2 } }]
`

const targets = (text: string) => targetsOf(readIstio(text).objects).targets

t.test('a service behind an east-west gateway: the SNI of each subset, Istio’s ALPN, and who has to answer', async t => {
  const tls = { alpn: ['istio-peer-exchange', 'istio'] }
  t.match(targets(eastWest), [
    {
      name: 'core/payments.core.svc.cluster.local/8443',
      address: '203.0.113.7:15443',
      tls: { ...tls, sni: 'outbound_.8443_._.payments.core.svc.cluster.local' },
      expectId: 'spiffe://azure.example/ns/core/sa/payments',
    },
    {
      name: 'core/payments.core.svc.cluster.local/8443/v2',
      tls: { ...tls, sni: 'outbound_.8443_.v2_.payments.core.svc.cluster.local' },
    },
  ])
})

const entry = (spec: object): string =>
  JSON.stringify({ apiVersion: 'networking.istio.io/v1', kind: 'ServiceEntry', metadata: { name: 'e', namespace: 'n' }, spec })
const rule = (spec: object): string =>
  JSON.stringify({ apiVersion: 'networking.istio.io/v1', kind: 'DestinationRule', metadata: { name: 'r', namespace: 'n' }, spec })
const ports = [{ number: 443, name: 'https', protocol: 'TLS' }]

t.test('a service outside the mesh is dialled by its name; what a rule says of a port wins', async t => {
  t.strictSame(targets(entry({ hosts: ['api.example'], ports })), [
    { name: 'n/api.example/443', address: 'api.example:443', labels: { host: 'api.example', namespace: 'n' } },
  ])
  const ruled = rule({
    host: '*.example',
    trafficPolicy: {
      tls: { mode: 'SIMPLE', sni: 'other.example' },
      portLevelSettings: [
        { port: { number: 443 }, tls: { mode: 'MUTUAL', sni: 'own.example', subjectAltNames: ['spiffe://a.example/x'] } },
      ],
    },
  })
  t.match(targets(`${entry({ hosts: ['api.example'], ports })}\n---\n${ruled}`), [
    { address: 'api.example:443', tls: { sni: 'own.example' }, expectId: 'spiffe://a.example/x' },
  ])
  t.match(targets(entry({ hosts: ['api.example'], ports, endpoints: [{ address: '2001:db8::7' }, { address: '192.0.2.9' }] })), [
    { name: 'n/api.example/443/1', address: '[2001:db8::7]:443', tls: { sni: 'api.example' } },
    { name: 'n/api.example/443/2', address: '192.0.2.9:443' },
  ])
})

t.test('of several identities the trust domain is expected, or nobody, and that is said', async t => {
  const with_ = (...subjectAltNames: string[]) => targetsOf(readIstio(entry({ hosts: ['a.example'], ports, subjectAltNames })).objects)
  t.match(with_('spiffe://a.example/x', 'spiffe://a.example/y'), {
    targets: [{ expectTrustDomain: 'a.example', expectId: undefined }],
    notes: [/2 identities may answer/],
  })
  t.match(with_('spiffe://a.example/x', 'spiffe://b.example/y'), {
    targets: [{ expectTrustDomain: undefined }],
    notes: [/2 trust domains/],
  })
  t.match(with_('a.example'), { targets: [{ expectId: undefined }], notes: [] })
})

t.test('gateways with names of their own are targets; patterns and sockets are named and left out', async t => {
  const gateway = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: front, namespace: edge }
spec:
  servers:
    - { port: { number: 443, name: https, protocol: HTTPS }, hosts: ["shop/shop.example"], tls: { mode: SIMPLE } }
    - { port: { number: 15443, name: tls, protocol: TLS }, hosts: ["*.local"], tls: { mode: AUTO_PASSTHROUGH } }
`
  const { targets: found, notes } = targetsOf(
    readIstio(
      `${gateway}---\n${entry({ hosts: ['*.example'], ports })}\n---\n${entry({ hosts: ['a.b'], ports, endpoints: [{ address: 'unix:///x' }] })}`,
    ).objects,
  )
  t.match(found, [{ name: 'edge/shop.example/443', address: 'shop.example:443', tls: { sni: 'shop.example' } }])
  t.equal(found.length, 1)
  t.match(notes.join('\n'), /"\*\.example" is a pattern/)
  t.match(notes.join('\n'), /"\*\.local" on port 15443 is a pattern/)
  t.match(notes.join('\n'), /"unix:\/\/\/x" is a socket/)
})

t.test('every mistake is named with its line, over all documents and lists', async t => {
  const { problems, others } = readIstio(`# from kubectl
apiVersion: v1
kind: List
items:
  - apiVersion: networking.istio.io/v1
    kind: ServiceEntry
    metadata: { name: a, namespace: n }
    spec:
      hosts: []
      ports: [{ number: 70000 }]
  - { apiVersion: v1, kind: Pod, metadata: { name: p } }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: r }
spec: {}
---
a: [
`)
  t.equal(others, 1)
  t.match(problems, [
    { path: 'items[0].spec.hosts', line: 9 },
    { path: 'items[0].spec.ports[0].number', line: 10, message: /70000/ },
    { path: 'spec', line: 16, message: /host is missing/ },
    { line: 19 },
  ])
})

t.test('the command writes a fleet file that can be applied', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'causeway-import-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'mesh.yaml')
  writeFileSync(file, eastWest)
  const run = async (args: string[], piped?: string) => {
    const world = worldOf({ LANG: 'C.UTF-8', HOME: folder })
    const stdin = piped === undefined ? {} : { stdin: Readable.from([piped]) as never }
    return { code: await main(['import', ...args], { ...world, ...stdin }), out: world.out(), err: world.err() }
  }
  const written = await run(['istio', file, '--location', 'azure/eastus'])
  t.equal(written.code, 0)
  t.match(parseFleet(written.out), { ok: true, value: { owner: 'istio', targets: [{ location: 'azure/eastus' }, {}] } })
  t.match(await run(['istio', '-'], eastWest), { code: 0, out: /outbound_\.8443_\.v2_/ })
  t.match(await run(['istio', '-'], 'kind: Pod\napiVersion: v1\n'), {
    code: 1,
    err: /1 object of other kinds passed over\n.*nothing to write/,
  })
  t.match(await run(['istio', file, '--location', 'no where']), { code: 2, err: /location/ })
  t.match(await run(['linkerd']), { code: 2, err: /"linkerd": it has istio only/ })
  t.match(await run(['istio']), { code: 2, err: /no file/ })
  t.match(await run(['istio', join(folder, 'none.yaml')]), { code: 2, err: /no such file/ })
})
