/** Attributes of what an agent measures; the metrics themselves are in wire/metrics.ts. */
import type { Place } from './path.ts'

/** What tells paths apart in every metric. Kept as it was when measured, whatever the configuration is when it is sent. */
export type Labels = {
  readonly check: string
  readonly kind: string
  readonly target: string
  readonly host: string
  readonly port?: number
  readonly family?: 4 | 6
  readonly destination?: Place
}
export type Attributes = Record<string, string | number>

/** Where this agent is: on its own metrics as well as on those of its paths. */
export const sourceAttributes = (source?: Place): Attributes =>
  source ? { 'causeway.source.cloud': source.cloud, 'causeway.source.region': source.region } : {}

export const pathAttributes = (labels: Labels, source?: Place): Attributes => ({
  'causeway.check': labels.check,
  'causeway.kind': labels.kind,
  'causeway.target': labels.target,
  'server.address': labels.host,
  ...(labels.port !== undefined && { 'server.port': labels.port }),
  ...(labels.family !== undefined && { 'network.type': `ipv${labels.family}` }),
  ...sourceAttributes(source),
  ...(labels.destination && {
    'causeway.destination.cloud': labels.destination.cloud,
    'causeway.destination.region': labels.destination.region,
  }),
})
