/**
 * A TLS 1.3 server on loopback for TLS benchmarks, in a process of its own: P-256 leaf and intermediate, X25519 and no other group, so that
 * nobody can pay for another. `node tls-server.ts <directory>` writes ca.pem (the root), and wrong-ca.pem (a stranger). Ends with its stdin.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeAuthority } from '../../servers/authority.ts'
import { startTls } from '../../servers/tls-servers.ts'

const directory = process.argv[2]!
const root = await makeAuthority({ name: 'bench root' })
const issuer = await root.intermediate({ name: 'bench intermediate' })
const { chainPem, keyPem } = await issuer.issue({ names: ['svc.test'], addresses: ['127.0.0.1'] })
const stranger = await makeAuthority({ name: 'bench root' })
writeFileSync(join(directory, 'ca.pem'), root.certPem)
writeFileSync(join(directory, 'wrong-ca.pem'), stranger.certPem)
const { port } = await startTls({ chainPem, keyPem, minVersion: 'TLSv1.3', ecdhCurve: 'X25519' })
process.stdin.once('end', () => process.exit(0)).resume()
process.stdout.write(`${JSON.stringify({ port })}\n`)
