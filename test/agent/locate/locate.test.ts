import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import t, { type Test } from 'tap'
import { completePlace, isIncomplete } from '../../../agent/locate/complete-place.ts'
import { locate } from '../../../agent/locate/locate.ts'
import { askMetadata, vendorOf } from '../../../agent/locate/metadata.ts'
import { placeOfNode } from '../../../agent/locate/place-of-node.ts'
import { makeAuthority } from '../../servers/authority.ts'
import { listen } from '../../servers/listening.ts'

const never = new AbortController().signal
const region = 'topology.kubernetes.io/region'
const zone = 'topology.kubernetes.io/zone'

t.test('a node says where it stands by its labels and its providerID', async t => {
  for (const [providerID, labels, expected] of [
    [
      'aws:///us-east-1a/i-0abc',
      { [region]: 'us-east-1', [zone]: 'us-east-1a' },
      { cloud: 'aws', region: 'us-east-1', zone: 'us-east-1a' },
    ],
    ['aws:///us-gov-west-1b/i-0abc', {}, { cloud: 'aws', region: 'us-gov-west-1', zone: 'us-gov-west-1b' }],
    ['gce://prod/us-central1-f/gke-1', {}, { cloud: 'gcp', region: 'us-central1', zone: 'us-central1-f' }],
    [
      'azure:///subscriptions/S/resourceGroups/R/providers/Microsoft.Compute/virtualMachineScaleSets/V/virtualMachines/0',
      { [region]: 'eastus', [zone]: 'eastus-2' },
      { cloud: 'azure', region: 'eastus', zone: 'eastus-2' },
    ],
    ['azure:///subscriptions/S', { [region]: 'westus', [zone]: '0' }, { cloud: 'azure', region: 'westus' }],
    ['azure:///subscriptions/S', {}, undefined],
    ['kind://docker/kind/kind-control-plane', {}, undefined],
    ['aws:///us-east-1a/i-0abc', { [region]: 7, [zone]: 'a b' }, { cloud: 'aws', region: 'us-east-1', zone: 'us-east-1a' }],
    ['__proto__:///x/y', { [region]: 'r' }, undefined],
  ] as const)
    t.same(placeOfNode({ metadata: { labels }, spec: { providerID } }), expected, providerID)
  t.equal(placeOfNode({}), undefined)
})

t.test('the firmware says whose machine this is', async t => {
  const of = (files: Record<string, string>) =>
    vendorOf(path => {
      const text = files[path.split('/').at(-1)!]
      if (text === undefined) throw new Error('ENOENT')
      return `${text}\n`
    })
  t.equal(of({ sys_vendor: 'Amazon EC2' }), 'aws')
  t.equal(of({ sys_vendor: 'Xen', bios_vendor: 'Amazon EC2' }), 'aws')
  t.equal(of({ sys_vendor: 'Microsoft Corporation', chassis_asset_tag: '7783-7084-3265-9085-8269-3286-77' }), 'azure')
  t.equal(of({ sys_vendor: 'Microsoft Corporation', chassis_asset_tag: 'None' }), undefined, 'Hyper-V at home')
  t.equal(of({ sys_vendor: 'Google', product_name: 'Google Compute Engine' }), 'gcp')
  t.equal(of({}), undefined)
})

/** A metadata service: what a cloud answers, with the header that it wants. */
const serve = async (t: Test, answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> => {
  const server = await listen(createServer(answer))
  t.teardown(server.close)
  return `http://127.0.0.1:${server.port}`
}

t.test('each cloud is asked in its own way, and what is no place is none', async t => {
  const aws = await serve(t, ({ method, url, headers }, response) => {
    if (method === 'PUT' && url === '/latest/api/token' && headers['x-aws-ec2-metadata-token-ttl-seconds']) return response.end('session')
    if (headers['x-aws-ec2-metadata-token'] !== 'session') return response.writeHead(401).end()
    return response.end(url?.endsWith('/region') ? 'us-east-1' : 'us-east-1a')
  })
  t.same(await askMetadata('aws', never, aws), { cloud: 'aws', region: 'us-east-1', zone: 'us-east-1a' })
  const azure = await serve(t, ({ headers }, response) =>
    headers['metadata'] === 'true' ? response.end('{"location":"eastus","zone":"1"}') : response.writeHead(400).end(),
  )
  t.same(await askMetadata('azure', never, azure), { cloud: 'azure', region: 'eastus', zone: 'eastus-1' })
  t.equal(await askMetadata('aws', never, azure), undefined, 'another cloud answers')
  const gcp = await serve(t, ({ headers }, response) =>
    headers['metadata-flavor'] === 'Google' ? response.end('projects/7/zones/us-central1-a') : response.writeHead(403).end(),
  )
  t.same(await askMetadata('gcp', never, gcp), { cloud: 'gcp', region: 'us-central1', zone: 'us-central1-a' })
  for (const body of ['', '<html>', '[]', 'null', '{"location":"a b"}', 'x'.repeat(300_000)]) {
    const odd = await serve(t, (_, response) => response.end(body))
    for (const vendor of ['aws', 'azure', 'gcp'] as const) t.equal(await askMetadata(vendor, never, odd), undefined, body.slice(0, 20))
  }
  const away = await serve(t, (_, response) => response.writeHead(302, { location: gcp }).end())
  t.equal(await askMetadata('gcp', never, away), undefined, 'no redirect is followed')
})

t.test('a service that never answers, as behind one hop too many, is waited for a second and no more', async t => {
  const silent = await serve(t, () => {})
  const startMs = performance.now()
  t.equal(await askMetadata('aws', never, silent), undefined)
  t.ok(performance.now() - startMs < 5000)
  t.equal(await askMetadata('gcp', AbortSignal.abort(), silent), undefined, 'stopped')
})

t.test('the node is asked first, and the metadata service where the node may not be asked', async t => {
  const authority = await makeAuthority({ name: 'cluster' })
  const { certPem, keyPem } = await authority.issue({ addresses: ['127.0.0.1'] })
  const mayAsk = { value: true }
  const server = await listen(
    createTlsServer({ cert: certPem, key: keyPem }, ({ url, headers }, response) => {
      if (!mayAsk.value || headers.authorization !== 'Bearer own-token') return response.writeHead(403).end('{}')
      return response.end(
        url === '/api/v1/nodes/node-7' ? '{"metadata":{"labels":{}},"spec":{"providerID":"gce://p/europe-west1-b/n"}}' : '{}',
      )
    }),
  )
  t.teardown(server.close)
  const metadata = await serve(t, (_, response) => response.end('projects/7/zones/us-central1-a'))
  const files: Record<string, string> = {
    token: 'own-token\n',
    'ca.crt': authority.certPem,
    sys_vendor: 'Google',
    product_name: 'Google Compute Engine',
  }
  const read = (path: string): string => {
    const text = files[path.split('/').at(-1)!]
    if (text === undefined) throw new Error('ENOENT')
    return text
  }
  const environment = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(server.port) }
  const find = (more: object = {}) => locate({ environment, node: 'node-7', read, metadata, ...more }, never)
  t.same(await find(), { place: { cloud: 'gcp', region: 'europe-west1', zone: 'europe-west1-b' }, by: 'node' })
  mayAsk.value = false
  const fallback = { place: { cloud: 'gcp', region: 'us-central1', zone: 'us-central1-a' }, by: 'metadata' }
  t.same(await find(), fallback, 'without the right to get nodes')
  t.same(await find({ environment: {} }), fallback, 'outside Kubernetes')
  delete files['token']
  t.same(await find(), fallback, 'no token is mounted')
  files['sys_vendor'] = 'QEMU'
  t.equal(await find(), undefined, 'nobody else is asked')
})

t.test('what was said wins, and what was found completes it where it is the same region', async t => {
  const found = { cloud: 'aws', region: 'us-east-1', zone: 'us-east-1a' }
  t.same(completePlace({}, found), found)
  t.same(completePlace({ cloud: 'aws', region: 'us-east-1' }, found), found)
  t.same(completePlace({ zone: 'rack-7' }, found), { ...found, zone: 'rack-7' })
  t.same(completePlace({ cloud: 'onprem', region: 'dc1' }, found), { cloud: 'onprem', region: 'dc1' })
  t.same(completePlace({ cloud: 'onprem' }, undefined), { cloud: 'onprem', region: '' })
  t.equal(completePlace({}, undefined), undefined)
  t.notOk(isIncomplete(found))
  t.ok(isIncomplete({ cloud: 'aws' }))
})
