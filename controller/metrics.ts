/** What the controller counts of itself, for `/metrics`. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'

export type Counters = {
  requests: Counter<'route' | 'method' | 'status'>
  refused: Counter<'access' | 'reason'>
  enrolments: Counter<'proof' | 'outcome'>
  otlp: Counter<'signal' | 'status'>
  agents: Gauge<'state'>
  notifications: Counter<'receiver' | 'outcome'>
  notificationDelay: Histogram
  outbox: Gauge
  outboxOldest: Gauge
  incidents: Gauge<'state'>
  registry: Registry
  contentType: string
  page: () => Promise<string>
}

/** One registry for each controller: two in one process count apart. */
export const openCounters = (): Counters => {
  const registry = new Registry()
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]): Counter<L> =>
    new Counter({ name: `causeway_controller_${name}_total`, help, labelNames: [...labelNames], registers: [registry] })
  const gauge = (name: string, help: string): Gauge => new Gauge({ name: `causeway_controller_${name}`, help, registers: [registry] })
  return {
    requests: counter('http_requests', 'Requests answered, by route.', ['route', 'method', 'status']),
    refused: counter('refused', 'Requests of callers that were not let in, by whom the route is for and why.', ['access', 'reason']),
    enrolments: counter('enrolments', 'Agents that came to enrol, by proof and what came of it.', ['proof', 'outcome']),
    otlp: counter('otlp_requests', 'Batches of agents, by signal and answer.', ['signal', 'status']),
    agents: new Gauge({ name: 'causeway_controller_agents', help: 'Agents, by state.', labelNames: ['state'], registers: [registry] }),
    notifications: counter('notifications', 'Tries to tell a receiver something, by what came of it: taken, refused, failed or expired.', [
      'receiver',
      'outcome',
    ]),
    notificationDelay: new Histogram({
      name: 'causeway_controller_notification_delay_seconds',
      help: 'From when something was to be told until a receiver had taken it.',
      buckets: [0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600],
      registers: [registry],
    }),
    outbox: gauge('outbox_size', 'Notifications that wait.'),
    outboxOldest: gauge('outbox_oldest_age_seconds', 'For how long the oldest of them has waited.'),
    incidents: new Gauge({
      name: 'causeway_controller_incidents',
      help: 'Incidents that go on, by state, of the replica that judges.',
      labelNames: ['state'],
      registers: [registry],
    }),
    registry,
    contentType: registry.contentType,
    page: () => registry.metrics(),
  }
}
