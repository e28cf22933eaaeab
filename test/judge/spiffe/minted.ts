import { type Certificate, readCertificate } from '../../../judge/spiffe/certificate.ts'
import { readPem } from '../../../judge/spiffe/pem.ts'

/** The certificates of a PEM text, which must be readable. */
export const readChain = (pem: string): [Certificate, ...Certificate[]] => {
  const [leaf, ...others] = readPem(pem).blocks.map(({ der }) => {
    const read = readCertificate(der)
    if (!read.ok) throw new Error(read.problems.join())
    return read.certificate
  })
  if (!leaf) throw new Error('no certificate')
  return [leaf, ...others]
}

export const rulesOf = (violations: readonly { rule?: string }[]): string[] => violations.map(one => one.rule ?? '?').toSorted()
export const codesOf = (found: readonly { code: string }[]): string[] => found.map(one => one.code).toSorted()
