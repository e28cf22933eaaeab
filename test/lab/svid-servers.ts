/**
 * mTLS servers in a process of their own, each with the chain and key that it is given: for SVIDs that `spiffe-main.ts` cannot mint by itself. The
 * one argument is a file with the JSON spec; one line says when all listen. Ends with stdin.
 */
import { readFileSync } from 'node:fs'
import { type MtlsOptions, type MtlsVariant, mtlsServers } from '../servers/mtls-servers.ts'

export type SvidServer = { variant?: MtlsVariant } & MtlsOptions

if (import.meta.main) {
  const specs = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as SvidServer[]
  const servers = await Promise.all(specs.map(({ variant = 'accepts and greets', ...options }) => mtlsServers[variant](options)))
  process.stdout.write('ready\n')
  process.stdin.resume().once('end', () => void Promise.all(servers.map(server => server.close())).then(() => process.exit(0)))
}
