import { load } from '../probes/index.ts'
import type { Path } from './path.ts'
import type { Endpoint } from './send/endpoint.ts'

/** What measuring and sending will need, before anything is timed: loading a module stops the event loop for as long as it takes. */
export const loadAhead = async ({ paths, endpoints }: { paths: readonly Path[]; endpoints: readonly Endpoint[] }): Promise<void> => {
  for (const kind of new Set(paths.map(path => path.kind))) await load(kind)
  if (endpoints.length > 0) await import('./otlp.ts')
}
