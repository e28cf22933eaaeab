import { fileURLToPath } from 'node:url'
import { type GrpcObject, loadPackageDefinition, type ServiceClientConstructor } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import fc from 'fast-check'
import t from 'tap'
import { parseX509BundlesResponse, parseX509SvidResponse } from '../../../probes/identity/workload-api-messages.ts'

const proto = fileURLToPath(new URL('../../../probes/identity/workload-api.proto', import.meta.url))
const { service } = (loadPackageDefinition(loadSync(proto, { keepCase: true })) as GrpcObject)[
  'SpiffeWorkloadAPI'
] as ServiceClientConstructor
const encode = (method: string, value: object) => service[method]!.responseSerialize(value)

const bytes = fc.uint8Array({ maxLength: 50 })
const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0

t.test("what protobuf's own encoder writes is read back, unknown fields passed over", async t => {
  const svid = fc.record({ spiffe_id: fc.string(), x509_svid: bytes, x509_svid_key: bytes, bundle: bytes, hint: fc.string() })
  const maps = fc.dictionary(fc.string({ minLength: 1 }), bytes, { maxKeys: 4 })
  const unknown = Buffer.from('7a03616263f80101', 'hex')
  fc.assert(
    fc.property(fc.array(svid, { maxLength: 4 }), fc.array(bytes, { maxLength: 3 }), maps, (svids, crl, federated_bundles) => {
      const message = parseX509SvidResponse(Buffer.concat([encode('FetchX509SVID', { svids, crl, federated_bundles }), unknown]))
      const bundles = parseX509BundlesResponse(encode('FetchX509Bundles', { crl, bundles: federated_bundles }))
      return (
        message.svids.every(
          (one, i) =>
            one.spiffeId === svids[i]!.spiffe_id.toWellFormed() &&
            same(one.key, svids[i]!.x509_svid_key) &&
            same(one.chain, svids[i]!.x509_svid) &&
            same(one.bundle, svids[i]!.bundle) &&
            one.hint === svids[i]!.hint.toWellFormed(),
        ) &&
        message.svids.length === svids.length &&
        message.crls.every((one, i) => same(one, crl[i]!)) &&
        Object.entries(federated_bundles).every(
          ([id, der]) => same(message.federatedBundles.get(id)!, der) && same(bundles.bundles.get(id)!, der),
        )
      )
    }),
  )
  t.pass()
})

t.test('other bytes are read or refused, never more', async t => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), noise => {
      for (const parse of [parseX509SvidResponse, parseX509BundlesResponse])
        try {
          parse(noise)
        } catch (error) {
          if (!(error instanceof Error)) return false
        }
      return true
    }),
  )
  t.pass()
})
