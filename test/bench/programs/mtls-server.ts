/**
 * A TLS 1.3 server on loopback that demands a client certificate, for mTLS benchmarks, in a process of its own: P-256 leaf and intermediate of
 * spiffe://azure.test/payments. `node mtls-server.ts <directory>` writes ca.pem (azure's bundle), wrong-ca.pem (a stranger of the same
 * name), and a client's cert.pem and key.pem, the leaf alone, of spiffe://aws.test/checkout. Ends with its stdin.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mtlsServers } from '../../servers/mtls-servers.ts'
import { makeTrustDomain } from '../../servers/spiffe.ts'

const directory = process.argv[2]!
const [aws, azure, stranger] = await Promise.all(['aws.test', 'azure.test', 'azure.test'].map(name => makeTrustDomain(name)))
const payments = await azure!.issue({ path: '/payments', below: 1 })
const checkout = await aws!.issue({ path: '/checkout' })
const files = {
  'ca.pem': azure!.bundlePem(),
  'wrong-ca.pem': stranger!.bundlePem(),
  'cert.pem': checkout.chainPem,
  'key.pem': checkout.keyPem,
}
for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text)
const { port } = await mtlsServers['accepts and says nothing']({ svid: payments, accepts: aws!.bundlePem(), minVersion: 'TLSv1.3' })
process.stdin.once('end', () => process.exit(0)).resume()
process.stdout.write(`${JSON.stringify({ port })}\n`)
