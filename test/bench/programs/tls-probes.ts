/**
 * Shakes hands with `runProbe` again and again, one at a time: `node tls-probes.ts '{"port": 1, "probes": 1000, "ca": "/file.pem"}'`.
 * Prints the CPU per probe of the second half in µs. Ends with 1 when a probe is not ok, verified and TLS 1.3.
 */
import { readFileSync } from 'node:fs'
import { runProbe } from '../../../probes/index.ts'
import { printWarmHalf } from './warm-half.ts'

const asked = JSON.parse(process.argv[2]!) as { port: number; probes: number; ca: string }
const ca = readFileSync(asked.ca, 'utf8')
const target = { host: 'svc.test', address: '127.0.0.1', family: 4, port: asked.port } as const
const never = new AbortController().signal

await printWarmHalf(asked.probes, async () => {
  const { outcome, measured } = await runProbe('tls', target, { ca }, never)
  if (outcome.kind !== 'ok' || !measured.verified || measured.version !== 'TLSv1.3' || measured.chain.length !== 2)
    throw new Error(JSON.stringify({ outcome, measured }))
})
