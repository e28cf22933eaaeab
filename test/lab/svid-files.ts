/** SVIDs, keys and bundles as files in a folder of their own, readable by everyone: what `--cert`, `--key` and `--bundle` take. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestSvid, TrustDomain } from '../servers/spiffe.ts'

export type SvidFolder = {
  path: string
  /** Writes a file and returns its path. */
  write(name: string, text: string): string
  /** The options of a probe that shows this SVID. */
  svid(name: string, svid: Pick<TestSvid, 'chainPem' | 'keyPem'>): { certFile: string; keyFile: string }
  /** A trust domain's present bundle, as a document. */
  bundle(domain: TrustDomain, file?: string): Record<string, string>
  remove(): void
}

/** Whoever makes it removes it. */
export function makeSvidFolder(): SvidFolder {
  const path = mkdtempSync(join(tmpdir(), 'svid-files-'))
  chmodSync(path, 0o755)
  const write = (name: string, text: string): string => {
    const file = join(path, name)
    writeFileSync(file, text, { mode: 0o644 })
    return file
  }
  return {
    path,
    write,
    svid: (name, { chainPem, keyPem }) => ({ certFile: write(`${name}.pem`, chainPem), keyFile: write(`${name}.key`, keyPem) }),
    bundle: (domain, file = domain.name) => ({ [domain.name]: write(`${file}.json`, domain.document()) }),
    remove: () => rmSync(path, { recursive: true, force: true }),
  }
}
