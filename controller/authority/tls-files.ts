/** A server's certificate and key that are given as files, and who is behind them. */
import type { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { Secret } from '../../wire/secret.ts'
import { findAnchor, judgeGiven, readCertificates } from './judge-given.ts'
import { pinOf } from './mint.ts'

/** `cert`: the server's own certificate, then its issuers. `ca`: the authority that agents are told of; without it theirs is the system's. */
export type TlsFiles = { cert: string; key: string; ca?: string }

/** `message` names the file and says what to do. */
export class BadTlsFile extends Error {
  override name = 'BadTlsFile'
}

/** What a server shows. `chainPem` is sent, own certificate first; with an authority of one's own it is at the end, so that who knows its fingerprint finds it. */
export type Shown = { chainPem: string; key: Secret; caPem?: string; caPin?: string; notBeforeMs: number; notAfterMs: number }

/** Throws `BadTlsFile`. */
export const readTlsFiles = async (files: TlsFiles): Promise<Shown> => {
  const [certPem, keyPem] = [await read(files.cert), await read(files.key)]
  const caPem = files.ca === undefined ? undefined : await read(files.ca)
  const problems = judgeGiven({ certPem, keyPem, ...(caPem === undefined ? {} : { caPem }), files })
  if (problems.length > 0) throw new BadTlsFile(problems.join('; '))
  const shown = buildShown(certPem, keyPem, caPem)
  try {
    // OpenSSL has its own mind about short keys and old digests, and says it here rather than when the first agent comes.
    createSecureContext({ cert: shown.chainPem, key: keyPem })
  } catch (error) {
    const reason = (error as { reason?: string }).reason ?? (error as Error).message
    throw new BadTlsFile(`${files.cert} is refused by OpenSSL (${reason}): want a key of at least 2048 bits RSA or P-256, and SHA-256`)
  }
  return shown
}

const buildShown = (certPem: string, keyPem: string, caPem: string | undefined): Shown => {
  const chain = readCertificates(certPem, '') as X509Certificate[]
  const leaf = chain[0]!
  const anchor = caPem === undefined ? undefined : findAnchor(chain, readCertificates(caPem, '') as X509Certificate[])
  const isSent = anchor !== undefined && chain.some(({ fingerprint256 }) => fingerprint256 === anchor.fingerprint256)
  const sent = anchor && !isSent ? [...chain, anchor] : chain
  return {
    chainPem: sent.map(one => one.toString()).join(''),
    key: new Secret(keyPem),
    notBeforeMs: leaf.validFromDate.getTime(),
    notAfterMs: leaf.validToDate.getTime(),
    ...(anchor ? { caPem: anchor.toString(), caPin: pinOf(anchor.toString()) } : {}),
  }
}

const read = async (path: string): Promise<string> => {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const remedy =
      code === 'ENOENT' ? 'put it there, or correct the name in tls' : 'make it readable for the user that the controller runs as'
    throw new BadTlsFile(`${path} cannot be read (${code}): ${remedy}`)
  }
}
