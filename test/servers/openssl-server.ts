import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { At } from './listening.ts'

/** False where the openssl command is missing: install the package `openssl`. */
export const hasOpenssl = (): boolean => spawnSync('openssl', ['version']).status === 0

export type OpensslOptions = At & {
  chainPem: string
  keyPem: string /** PEM of the authorities whose clients are let in. */
  ca: string
  maxVersion?: 'TLSv1.2' | 'TLSv1.3'
}

/**
 * `openssl s_server` that demands a client certificate, in a process of its own. It serves one client at a time and says nothing to it. Rejects
 * when the command is missing or can't listen.
 */
export async function startOpenssl({ host = '127.0.0.1', port = 0, chainPem, keyPem, ca, maxVersion }: OpensslOptions) {
  const directory = mkdtempSync(join(tmpdir(), 's-server-'))
  const [chain, key, authorities] = [
    ['chain.pem', chainPem],
    ['key.pem', keyPem],
    ['ca.pem', ca],
  ].map(([name, pem]) => {
    const path = join(directory, name!)
    writeFileSync(path, pem!, { mode: 0o600 })
    return path
  })
  const accept = `${host.includes(':') ? `[${host}]` : host}:${port}`
  const files = ['-cert', chain!, '-cert_chain', chain!, '-key', key!, '-CAfile', authorities!, '-no-CApath', '-no-CAstore']
  const strict = ['-Verify', '10', '-verify_return_error', '-partial_chain', ...(maxVersion === 'TLSv1.2' ? ['-tls1_2'] : [])]
  const child = spawn('openssl', ['s_server', '-accept', accept, ...files, ...strict], { stdio: ['pipe', 'pipe', 'pipe'] })
  let said = ''
  child.stderr.on('data', chunk => (said = (said + String(chunk)).slice(-4000)))
  child.stdin.on('error', () => {})
  const exited = once(child, 'exit').catch((error: Error) => [error.message])
  const remove = () => rmSync(directory, { recursive: true, force: true })
  const listening = new Promise<number>((resolve, reject) => {
    createInterface(child.stdout).on('line', line => {
      const found = /^ACCEPT .*:(\d+)/.exec(line)?.[1]
      if (found) resolve(Number(found))
      else if (line === 'ACCEPT' && port > 0) resolve(port)
    })
    void exited.then(([why]) => {
      remove()
      reject(new Error(`openssl s_server ended with ${why}: ${said}`))
    })
  })
  return {
    host,
    port: await listening,
    /** What it wrote to stderr last. */
    said: () => said,
    close: async (): Promise<void> => {
      child.kill('SIGKILL')
      await exited
      remove()
    },
  }
}
