import type { AttributeValue } from '../../wire/otlp-attributes.ts'

export type At = { readonly cloud: string; readonly region: string }
/** What tells the paths of an agent apart, as the agent sends it (agent/metrics.ts). */
export type PathLabels = {
  readonly check: string
  readonly kind: string
  readonly target: string
  readonly host: string
  readonly port?: number
  readonly networkType?: string
  readonly source?: At
  readonly destination?: At
}

/** Of what an agent measures on itself. No check may have an empty name. */
export const selfLabels: PathLabels = { check: '', kind: '', target: '', host: '' }
export const isSelf = (labels: PathLabels): boolean => labels.check === ''

/** From the attributes of a point; other attributes are ignored. Undefined where one that every path has is missing or is no text. */
export const labelsOf = (attributes: ReadonlyMap<string, AttributeValue>): PathLabels | undefined => {
  const text = (name: string): string | undefined => {
    const value = attributes.get(name)
    return typeof value === 'string' && value !== '' ? value : undefined
  }
  const at = (end: string): At | undefined => {
    const [cloud, region] = [text(`causeway.${end}.cloud`), text(`causeway.${end}.region`)]
    return cloud !== undefined && region !== undefined ? { cloud, region } : undefined
  }
  const [check, kind, target, host] = [text('causeway.check'), text('causeway.kind'), text('causeway.target'), text('server.address')]
  if (check === undefined || kind === undefined || target === undefined || host === undefined) return undefined
  const port = attributes.get('server.port')
  const [networkType, source, destination] = [text('network.type'), at('source'), at('destination')]
  const isPort = typeof port === 'number' && Number.isInteger(port) && port > 0 && port < 65_536
  return {
    check,
    kind,
    target,
    host,
    ...(isPort && { port }),
    ...(networkType !== undefined && { networkType }),
    ...(source && { source }),
    ...(destination && { destination }),
  }
}

/** The same text for the same path of one agent, and another one for another path. */
export const labelsKey = ({ check, kind, target, host, port, networkType, source, destination }: PathLabels): string =>
  [check, kind, target, host, port, networkType, source?.cloud, source?.region, destination?.cloud, destination?.region].join('\0')

/** The attributes that `labelsOf` reads. */
export const attributesOf = ({
  check,
  kind,
  target,
  host,
  port,
  networkType,
  source,
  destination,
}: PathLabels): Record<string, string | number> => ({
  'causeway.check': check,
  'causeway.kind': kind,
  'causeway.target': target,
  'server.address': host,
  ...(port !== undefined && { 'server.port': port }),
  ...(networkType !== undefined && { 'network.type': networkType }),
  ...(source && { 'causeway.source.cloud': source.cloud, 'causeway.source.region': source.region }),
  ...(destination && { 'causeway.destination.cloud': destination.cloud, 'causeway.destination.region': destination.region }),
})
