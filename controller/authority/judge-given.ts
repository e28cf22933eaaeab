import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { isPrivateKey, readPem } from '../../judge/spiffe/pem.ts'

/** Texts of PEM files, and how to name each of them in a sentence. */
export type Given = { certPem: string; keyPem: string; caPem?: string; files: { cert: string; key: string; ca?: string } }

/** Why a server cannot show these, each naming the file and what to do; nothing when it can. Dates are not looked at. Pure. */
export const judgeGiven = ({ certPem, keyPem, caPem, files }: Given): string[] => {
  const chain = readCertificates(certPem, files.cert)
  const key = readKey(keyPem, files.key)
  const problems = [chain, key].flatMap(read => (typeof read === 'string' ? [read] : []))
  if (typeof chain === 'string' || typeof key === 'string') return problems
  const leaf = chain[0]!
  if (!leaf.checkPrivateKey(key))
    problems.push(
      `the key in ${files.key} is not that of the first certificate in ${files.cert} ("${oneLine(leaf.subject)}"): give both of one kind, the server's own certificate first`,
    )
  const gap = chain.findIndex((one, index) => index > 0 && !isIssuedBy(chain[index - 1]!, one))
  if (gap > 0)
    problems.push(
      `${files.cert}: certificate ${gap + 1} ("${oneLine(chain[gap]!.subject)}") did not issue the one before it: want the server's own first, then each one's issuer`,
    )
  if (caPem === undefined || files.ca === undefined) return problems
  const authorities = readCertificates(caPem, files.ca)
  if (typeof authorities === 'string') return [...problems, authorities]
  if (!findAnchor(chain, authorities))
    problems.push(
      `the chain in ${files.cert} does not lead to a certificate in ${files.ca}: give the authority that issued "${oneLine(chain.at(-1)!.subject)}", or the intermediates that are missing`,
    )
  return problems
}

/** The trusted certificate in which the chain ends: one of its own or the issuer of the last. */
export const findAnchor = (chain: readonly X509Certificate[], authorities: readonly X509Certificate[]): X509Certificate | undefined =>
  authorities.find(({ fingerprint256 }) => chain.some(one => one.fingerprint256 === fingerprint256)) ??
  authorities.find(authority => isIssuedBy(chain.at(-1)!, authority))

/** The certificates, or why there are none. */
export const readCertificates = (pem: string, file: string): X509Certificate[] | string => {
  const { blocks, problems } = readPem(pem)
  if (problems.length > 0) return `${file}: ${problems[0]}`
  const found = blocks.filter(({ label }) => label === 'CERTIFICATE')
  if (found.length === 0)
    return blocks.some(isPrivateKey)
      ? `${file} holds a private key and no certificate: are the two files swapped?`
      : `${file} holds no certificate: want PEM, with BEGIN CERTIFICATE`
  try {
    return found.map(({ der }) => new X509Certificate(der))
  } catch {
    return `${file} holds something that is no certificate between BEGIN CERTIFICATE and its end: write it again`
  }
}

const readKey = (pem: string, file: string): KeyObject | string => {
  const { blocks, problems } = readPem(pem)
  const block = blocks.find(isPrivateKey)
  if (!block) return `${file}: ${problems[0] ?? 'holds no private key'}: want PEM, with BEGIN PRIVATE KEY`
  if (block.label.startsWith('ENCRYPTED') || /^Proc-Type:.*ENCRYPTED/m.test(block.text))
    return `${file} is encrypted with a passphrase: give it without one (openssl pkey -in FILE -out FILE)`
  try {
    return createPrivateKey(block.text)
  } catch {
    return `${file} holds a private key that cannot be read: want PEM, PKCS #8`
  }
}

const isIssuedBy = (one: X509Certificate, issuer: X509Certificate): boolean => {
  try {
    return one.checkIssued(issuer) && one.verify(issuer.publicKey)
  } catch {
    return false
  }
}

const oneLine = (name: string | undefined): string => (name ?? '').replaceAll('\n', ', ')
