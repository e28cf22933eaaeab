import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import * as asn from '@peculiar/asn1-x509'

/** Certificates for the services of a simulated cloud: a root, an intermediate and a leaf, as a real service has, in PEM. */
export type ServiceCertificates = { rootPem: string; chainPem: string; keyPem: string }

const sha256WithRsa = new asn.AlgorithmIdentifier({ algorithm: '1.2.840.113549.1.1.11', parameters: null })
const dayMs = 86_400_000

type Holder = { name: asn.Name; key: KeyObject; publicKey: KeyObject }

const holder = (commonName: string): Holder => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const cn = new asn.AttributeTypeAndValue({ type: '2.5.4.3', value: new asn.AttributeValue({ utf8String: commonName }) })
  const name = new asn.Name([new asn.RelativeDistinguishedName([cn])])
  return { name, key: privateKey, publicKey }
}

const extension = (extnID: string, critical: boolean, value: object): asn.Extension =>
  new asn.Extension({ extnID, critical, extnValue: new OctetString(AsnConvert.serialize(value)) })

const authorityExtensions = (): asn.Extension[] => [
  extension(asn.id_ce_basicConstraints, true, new asn.BasicConstraints({ cA: true })),
  extension(asn.id_ce_keyUsage, true, new asn.KeyUsage(asn.KeyUsageFlags.keyCertSign | asn.KeyUsageFlags.cRLSign)),
]

const leafExtensions = (names: string[]): asn.Extension[] => [
  extension(asn.id_ce_basicConstraints, true, new asn.BasicConstraints({ cA: false })),
  extension(asn.id_ce_keyUsage, true, new asn.KeyUsage(asn.KeyUsageFlags.digitalSignature)),
  extension(asn.id_ce_extKeyUsage, false, new asn.ExtendedKeyUsage([asn.id_kp_serverAuth, asn.id_kp_clientAuth])),
  extension(asn.id_ce_subjectAltName, false, new asn.SubjectAlternativeName(names.map(dNSName => new asn.GeneralName({ dNSName })))),
]

/** One certificate in PEM, signed by `issuer` (RFC 5280 §4.1). */
const issue = (subject: Holder, issuer: Holder, extensions: asn.Extension[], nowMs: number, days: number): string => {
  const tbs = new asn.TBSCertificate({
    version: asn.Version.v3,
    serialNumber: new Uint8Array([1, ...randomBytes(15)]).buffer,
    signature: sha256WithRsa,
    issuer: issuer.name,
    validity: new asn.Validity({ notBefore: new Date(nowMs - dayMs), notAfter: new Date(nowMs + days * dayMs) }),
    subject: subject.name,
    subjectPublicKeyInfo: AsnConvert.parse(subject.publicKey.export({ type: 'spki', format: 'der' }), asn.SubjectPublicKeyInfo),
    extensions: new asn.Extensions(extensions),
  })
  const signature = sign('sha256', Buffer.from(AsnConvert.serialize(tbs)), issuer.key)
  const certificate = new asn.Certificate({
    tbsCertificate: tbs,
    signatureAlgorithm: sha256WithRsa,
    signatureValue: new Uint8Array(signature).buffer,
  })
  const base64 = Buffer.from(AsnConvert.serialize(certificate)).toString('base64')
  return `-----BEGIN CERTIFICATE-----\n${base64.replace(/(.{64})/g, '$1\n').trimEnd()}\n-----END CERTIFICATE-----\n`
}

/** Mints a root, an intermediate and a leaf for these DNS names: RSA, so that the server's flight is as large as they are in the wild. */
export const mintService = (cloud: string, names: string[], nowMs: number): ServiceCertificates => {
  const root = holder(`${cloud} root`)
  const intermediate = holder(`${cloud} issuing authority`)
  const leaf = holder(names[0]!)
  const rootPem = issue(root, root, authorityExtensions(), nowMs, 3650)
  const intermediatePem = issue(intermediate, root, authorityExtensions(), nowMs, 365)
  const leafPem = issue(leaf, intermediate, leafExtensions(names), nowMs, 90)
  return { rootPem, chainPem: leafPem + intermediatePem, keyPem: leaf.key.export({ type: 'pkcs8', format: 'pem' }) as string }
}
