/** Runs probes side by side: takes a list of [kind, target, options] as JSON, prints the list of their results. For use inside a site. */
import type { Resolved } from '../../../probes/finding.ts'
import { runProbe } from '../../../probes/index.ts'
import type { Kind } from '../../../wire/result.ts'

const wanted = JSON.parse(process.argv[2] ?? '[]') as [Kind, Resolved, object][]
const results = await Promise.all(wanted.map(([kind, target, options]) => runProbe(kind, target, options, new AbortController().signal)))
process.stdout.write(`${JSON.stringify(results)}\n`)
