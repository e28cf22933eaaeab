import { AsnConvert } from '@peculiar/asn1-schema'
import * as asn from '@peculiar/asn1-x509'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { readCertificate } from '../../../judge/spiffe/certificate.ts'
import { splitDer } from '../../../judge/spiffe/der.ts'
import {
  keyUsageNames,
  readAuthorityKeyId,
  readBasicConstraints,
  readExtendedKeyUsage,
  readKeyUsage,
  readSubjectKeyId,
  readToBeSigned,
} from '../../../judge/spiffe/extensions.ts'
import { makeTrustDomain } from '../../servers/spiffe.ts'

const der = (value: unknown): Uint8Array => new Uint8Array(AsnConvert.serialize(value))
const hold = <T>(t: Test, arbitrary: fc.Arbitrary<T>, property: (value: T) => boolean): void => {
  fc.assert(fc.property(arbitrary, property))
  t.pass()
}

t.test('key usage is what a schema parser writes', async t =>
  hold(t, fc.uniqueArray(fc.constantFrom(...keyUsageNames)), names => {
    const flags = names.reduce((sum, name) => sum | asn.KeyUsageFlags[name], 0)
    return [...readKeyUsage(der(new asn.KeyUsage(flags)))].toSorted().join() === names.toSorted().join()
  }),
)

t.test('basic constraints are what a schema parser writes', async t =>
  hold(t, fc.record({ cA: fc.boolean(), pathLenConstraint: fc.option(fc.nat(), { nil: undefined }) }), given => {
    const { ca, pathLength } = readBasicConstraints(der(new asn.BasicConstraints(given)))
    return ca === given.cA && pathLength === given.pathLenConstraint
  }),
)

const oid = fc
  .tuple(fc.nat(2), fc.nat(39), fc.array(fc.nat(), { minLength: 1, maxLength: 8 }))
  .map(([top, second, rest]) => [top, second, ...rest].join('.'))

t.test('extended key usage is what a schema parser writes', async t =>
  hold(t, fc.array(oid, { minLength: 1 }), oids => readExtendedKeyUsage(der(new asn.ExtendedKeyUsage(oids))).join() === oids.join()),
)

t.test('an OID with an arc of 128 bits is read whole', async t => {
  const uuid = '2.25.329800735698586629295641978511506172918'
  t.same(readExtendedKeyUsage(der(new asn.ExtendedKeyUsage([uuid]))), [uuid])
})

t.test('key identifiers are what a schema parser writes', async t =>
  hold(t, fc.uint8Array({ minLength: 1, maxLength: 40 }), bytes => {
    const hex = Buffer.from(bytes).toString('hex')
    const authority = new asn.AuthorityKeyIdentifier({ keyIdentifier: new asn.KeyIdentifier(bytes) })
    return readAuthorityKeyId(der(authority)) === hex && readSubjectKeyId(der(new asn.SubjectKeyIdentifier(bytes))) === hex
  }),
)

t.test('an authority key identifier may be a name and a serial', async t => {
  t.equal(readAuthorityKeyId(Uint8Array.of(0x30, 3, 0x82, 1, 7)), null)
})

const issueDer = async (below: number): Promise<Uint8Array[]> =>
  splitDer((await (await makeTrustDomain('example.test')).issue({ path: '/a', below })).chainDer)!

const malformed: [name: string, read: (value: Uint8Array) => unknown, bytes: number[]][] = [
  ['a key usage that is no bit string', readKeyUsage, [0x04, 2, 0, 1]],
  ['a key usage without bytes', readKeyUsage, [0x03, 0]],
  ['a key usage with nine unused bits', readKeyUsage, [0x03, 2, 9, 0x80]],
  ['something behind a key usage', readKeyUsage, [0x03, 2, 0, 0x80, 0x05, 0]],
  ['a negative path length', readBasicConstraints, [0x30, 6, 0x01, 1, 0xff, 0x02, 1, 0xff]],
  ['a boolean of two bytes', readBasicConstraints, [0x30, 4, 0x01, 2, 0xff, 0xff]],
  ['an OID that ends in its middle', readExtendedKeyUsage, [0x30, 4, 0x06, 2, 0x2b, 0x86]],
  ['an extended key usage of integers', readExtendedKeyUsage, [0x30, 3, 0x02, 1, 1]],
  ['a subject key identifier that is cut off', readSubjectKeyId, [0x04, 9, 1]],
]
for (const [name, read, bytes] of malformed)
  t.test(`${name} is malformed`, async t => {
    t.throws(() => read(Uint8Array.from(bytes)), { message: 'malformed' })
  })

t.test('the extensions of a certificate are those that a schema parser finds', async t => {
  for (const bytes of await issueDer(1)) {
    const { extensions = [], subject } = AsnConvert.parse(bytes, asn.Certificate).tbsCertificate
    const read = readToBeSigned(bytes)
    t.equal(read.subjectEmpty, subject.length === 0)
    t.same(
      [...read.extensions].map(([id, { critical, value }]) => [id, critical, Buffer.from(value).toString('hex')]),
      [...extensions].map(one => [one.extnID, one.critical, Buffer.from(one.extnValue.buffer).toString('hex')]),
    )
  }
})

t.test('an extension that stands there twice is refused by name', async t => {
  const [leaf] = await issueDer(0)
  const certificate = AsnConvert.parse(leaf!, asn.Certificate)
  const { extensions } = certificate.tbsCertificate
  extensions!.push(extensions![0]!)
  delete certificate.tbsCertificateRaw
  t.match(readCertificate(der(certificate)), {
    ok: false,
    problems: [`not a certificate: it has the extension ${extensions![0]!.extnID} twice`],
  })
})

t.test('whatever a byte of a certificate is changed to, it is read or refused', async t => {
  const [leaf] = (await issueDer(0)) as [Uint8Array]
  hold(t, fc.tuple(fc.nat(leaf.length - 1), fc.nat(255)), ([at, byte]) => {
    const changed = Uint8Array.from(leaf)
    changed[at] = byte
    return typeof readCertificate(changed).ok === 'boolean'
  })
})
