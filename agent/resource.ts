import type { Place } from './path.ts'

/** What is known of the agent that measures: the resource of all that it sends. */
export type AgentFacts = {
  readonly version: string
  /** The agent's own ID, the same over restarts. */
  readonly agentId: string
  readonly hostName: string
  readonly place?: Place
  readonly account?: string
  readonly environment?: string
  readonly cluster?: string
  readonly namespace?: string
  readonly node?: string
}

/**
 * Resource attributes by OpenTelemetry's semantic conventions (resource/README.md, cloud.md, k8s.md). Attributes of OTEL_RESOURCE_ATTRIBUTES
 * are added; our own win, except where we only guess: the host name.
 */
export const resourceAttributes = (agent: AgentFacts, fromEnvironment = ''): Record<string, string> => {
  const ours: Record<string, string | undefined> = {
    'service.name': 'causeway-agent',
    'service.version': agent.version,
    'service.instance.id': agent.agentId,
    'deployment.environment.name': agent.environment,
    'cloud.provider': agent.place?.cloud,
    'cloud.account.id': agent.account,
    'cloud.region': agent.place?.region,
    'cloud.availability_zone': agent.place?.zone,
    'k8s.cluster.name': agent.cluster,
    'k8s.namespace.name': agent.namespace,
    'k8s.node.name': agent.node,
  }
  const known = Object.entries(ours).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return { 'host.name': agent.hostName, ...parseAttributes(fromEnvironment), ...Object.fromEntries(known) }
}

/**
 * `key=value,key2=value2`, percent-encoded where needed (resource/sdk.md, "Specifying resource information via an environment variable"):
 * when a part cannot be read all of it is discarded, as the specification says.
 */
export const parseAttributes = (text: string): Record<string, string> => {
  const parts = text.split(',').filter(part => part.trim() !== '')
  try {
    const pairs = parts.map(part => {
      const [key = '', value, ...more] = part.split('=')
      if (key.trim() === '' || value === undefined || more.length > 0) throw new URIError(part)
      return [decodeURIComponent(key.trim()), decodeURIComponent(value.trim())]
    })
    return Object.fromEntries(pairs)
  } catch (error) {
    if (error instanceof URIError) return {}
    throw error
  }
}
