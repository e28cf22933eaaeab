/**
 * mTLS verdicts of one process, one after the other: `node mtls-verdicts.ts '{"probes": 4, "address": "10.1.0.1", "port": 1, "options": {…}}'`. Prints
 * the milliseconds that each probe took as JSON, from before its files are read until its result stands. Ends with 1 when one is not ok.
 */
import { holdIdentities } from '../../../probes/identity/held.ts'
import { load, runProbe } from '../../../probes/index.ts'
import type { Options } from '../../../wire/options.ts'

type Asked = { probes: number; address: string; port: number; options: Partial<Options['mtls']> }
const { probes, address, port, options } = JSON.parse(process.argv[2]!) as Asked
const never = new AbortController().signal
const sources = { identity: holdIdentities(never).open }
await load('mtls')
const verdictMs: number[] = []
for (let done = 0; done < probes; done++) {
  const start = performance.now()
  const { outcome, measured } = await runProbe('mtls', { host: address, address, family: 4, port }, options, never, { sources })
  verdictMs.push(performance.now() - start)
  if (outcome.kind !== 'ok' || measured.clientAuth !== 'accepted') throw new Error(JSON.stringify({ outcome, measured }))
}
process.stdout.write(`${JSON.stringify(verdictMs)}\n`)
