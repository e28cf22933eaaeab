import { type Certificate, readCertificate } from '../../../judge/spiffe/certificate.ts'
import { readPem } from '../../../judge/spiffe/pem.ts'

/** Of all texts, in their order. */
export const readCertificates = (pems: readonly string[]): Certificate[] =>
  pems.flatMap(pem =>
    readPem(pem).blocks.map(({ der }) => {
      const read = readCertificate(der)
      if (!read.ok) throw new TypeError(read.problems.join())
      return read.certificate
    }),
  )
