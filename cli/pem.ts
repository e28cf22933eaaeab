/** The PEM files that people name on the command line: read, and checked before anything is sent. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { bad, good, type Parsed } from '../wire/values.ts'
import { readSmallFile } from './small-file.ts'

export type PemFiles = { ca?: string; cert?: string; key?: string }

const certificateBlock = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g

/** The contents of the files, or all that is wrong with them. A certificate and its key go together. */
export const readPemFiles = (files: PemFiles): Parsed<PemFiles> => {
  const problems: string[] = []
  const take = <T>(flag: keyof PemFiles, parse: (pem: string) => Parsed<T>): { pem: string; value: T } | undefined => {
    if (files[flag] === undefined) return undefined
    const read = readSmallFile(files[flag])
    const pem = read.ok ? read.value.toString('utf8') : ''
    const parsed = read.ok ? parse(pem) : read
    if (parsed.ok) return { pem, value: parsed.value }
    problems.push(...(parsed.ok ? [] : parsed.problems).map(problem => `--${flag}: ${files[flag]}: ${problem}`))
    return undefined
  }
  const ca = take('ca', parseCertificates)
  const cert = take('cert', parseCertificates)
  const key = take('key', parseKey)
  if (files.cert !== undefined && files.key === undefined) problems.push('--cert: needs --key, the private key of this certificate')
  if (files.key !== undefined && files.cert === undefined) problems.push('--key: needs --cert, the certificate of this key')
  if (cert && key && !cert.value[0]!.checkPrivateKey(key.value)) {
    problems.push(`--key: ${files.key} is not the key of the first certificate in ${files.cert}`)
  }
  return problems.length ? bad(...problems) : good({ ca: ca?.pem, cert: cert?.pem, key: key?.pem })
}

const parseCertificates = (pem: string): Parsed<X509Certificate[]> => {
  const blocks = pem.match(certificateBlock) ?? []
  if (pem.trim() === '') return bad('the file is empty')
  if (!blocks.length) return bad('no BEGIN CERTIFICATE in it, want PEM')
  const parsed = blocks.map((block, index) => {
    try {
      return new X509Certificate(block)
    } catch {
      return `certificate ${index + 1} of ${blocks.length} is malformed`
    }
  })
  const problems = parsed.filter(one => typeof one === 'string')
  return problems.length ? bad(...problems) : good(parsed as X509Certificate[])
}

const parseKey = (pem: string): Parsed<KeyObject> => {
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) return bad('no BEGIN PRIVATE KEY in it, want PEM')
  if (/ENCRYPTED/.test(pem)) return bad('is encrypted; decrypt it first: openssl pkey -in <file>')
  try {
    return good(createPrivateKey(pem))
  } catch {
    return bad('the private key is malformed')
  }
}
