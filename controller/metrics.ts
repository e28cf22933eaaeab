/** What the controller counts of itself, for `/metrics`. */
import { Counter, Gauge, Registry } from 'prom-client'

export type Counters = {
  requests: Counter<'route' | 'method' | 'status'>
  refused: Counter<'access' | 'reason'>
  enrolments: Counter<'proof' | 'outcome'>
  otlp: Counter<'signal' | 'status'>
  agents: Gauge<'state'>
  registry: Registry
  contentType: string
  page: () => Promise<string>
}

/** One registry for each controller: two in one process count apart. */
export const openCounters = (): Counters => {
  const registry = new Registry()
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]): Counter<L> =>
    new Counter({ name: `causeway_controller_${name}_total`, help, labelNames: [...labelNames], registers: [registry] })
  return {
    requests: counter('http_requests', 'Requests answered, by route.', ['route', 'method', 'status']),
    refused: counter('refused', 'Requests of callers that were not let in, by whom the route is for and why.', ['access', 'reason']),
    enrolments: counter('enrolments', 'Agents that came to enrol, by proof and what came of it.', ['proof', 'outcome']),
    otlp: counter('otlp_requests', 'Batches of agents, by signal and answer.', ['signal', 'status']),
    agents: new Gauge({ name: 'causeway_controller_agents', help: 'Agents, by state.', labelNames: ['state'], registers: [registry] }),
    registry,
    contentType: registry.contentType,
    page: () => registry.metrics(),
  }
}
