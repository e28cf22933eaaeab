/**
 * Shakes hands with `runProbe('mtls')` again and again, one at a time: `node mtls-probes.ts '{"port": 1, "probes": 1000, "cert": "/file.pem",
 * "key": "/file.key", "bundle": "/file.pem"}'`. Prints the CPU per probe of the second half in µs. Ends with 1 when a probe is not ok, the peer
 * not verified or our certificate not accepted.
 */
import { holdIdentities } from '../../../probes/identity/held.ts'
import { runProbe } from '../../../probes/index.ts'
import { printWarmHalf } from './warm-half.ts'

const asked = JSON.parse(process.argv[2]!) as { port: number; probes: number; cert: string; key: string; bundle: string }
const target = { host: '127.0.0.1', address: '127.0.0.1', family: 4, port: asked.port } as const
const options = {
  certFile: asked.cert,
  keyFile: asked.key,
  bundles: { 'azure.test': asked.bundle },
  expectId: 'spiffe://azure.test/payments',
}
const never = new AbortController().signal
const sources = { identity: holdIdentities(never).open }

await printWarmHalf(asked.probes, async () => {
  const { outcome, measured } = await runProbe('mtls', target, options, never, { sources })
  const proven = measured.verified && measured.clientAuth === 'accepted' && measured.version === 'TLSv1.3' && measured.chain.length === 2
  if (outcome.kind !== 'ok' || !proven) throw new Error(JSON.stringify({ outcome, measured }))
})
