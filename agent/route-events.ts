/** What an agent says of routes: that one changed, and how far packets of a path that failed came. Addresses of routers are attributes, never labels. */
import { diagnose } from '../judge/diagnose/diagnose.ts'
import type { TraceHop } from '../wire/measured-trace.ts'
import type { AnyResult, Result } from '../wire/result.ts'
import { causeAttributes } from './cause-attributes.ts'
import { buildEvent, labelsOf } from './events.ts'
import type { Path } from './path.ts'
import type { AgentEvent, EventAttribute } from './record.ts'
import type { RouteChange } from './routes.ts'

/** `3 192.0.2.9 17.2 ms`, `4 *`. */
const sayHop = ({ ttl, address, rttMs, loss }: TraceHop): string =>
  [ttl, address ?? '*', ...(rttMs === null ? [] : [`${rttMs} ms`]), ...(loss > 0 ? [`${Math.round(loss * 100)} % lost`] : [])].join(' ')

const hopsOf = ({ measured: { hops } }: Result<'trace'>): string[] =>
  hops.slice(0, hops.findLastIndex(({ address }) => address !== null) + 1).map(sayHop)

const given = (attributes: Record<string, EventAttribute | null>): Record<string, EventAttribute> =>
  Object.fromEntries(Object.entries(attributes).filter((entry): entry is [string, EventAttribute] => entry[1] !== null))

/** The route of a traced path is another one. */
export const buildRouteEvent = (path: Path, { before, after, diagnosis }: RouteChange, atMs: number): AgentEvent => ({
  atMs,
  name: 'causeway.route.changed',
  severity: 'warn',
  body: `${path.key}: ${diagnosis.summary}`,
  labels: labelsOf(path, after.target),
  attributes: {
    ...given({
      'causeway.started_at': after.startedAt,
      'network.peer.address': after.target.address ?? null,
      'causeway.route.before': before.measured.fingerprint,
      'causeway.route.after': after.measured.fingerprint,
      'causeway.route.before_hops': hopsOf(before),
      'causeway.route.after_hops': hopsOf(after),
      'causeway.route.before_at': before.startedAt,
      'causeway.route.before_length': before.measured.forwardHops,
      'causeway.route.after_length': after.measured.forwardHops,
      'causeway.route.before_return_length': before.measured.returnHops,
      'causeway.route.after_return_length': after.measured.returnHops,
    }),
    ...causeAttributes(diagnosis),
  },
})

/** What a trace saw directly after a path had failed, with the evidence of the failure itself. */
export const buildTracedEvent = (path: Path, failed: AnyResult, trace: Result<'trace'>, atMs: number): AgentEvent => {
  const event = buildEvent(path, failed, 'failed', atMs)
  const { outcome, measured } = trace
  const end = outcome.kind === 'ok' ? `it arrives after ${measured.forwardHops} hops` : outcome.detail
  return {
    ...event,
    name: 'causeway.path.traced',
    body: `${event.body}; traced by ${measured.protocol}: ${end}`,
    attributes: {
      ...event.attributes,
      ...given({
        'causeway.trace.outcome': outcome.kind === 'ok' ? 'ok' : outcome.reason,
        'causeway.trace.protocol': measured.protocol,
        'causeway.trace.reached': measured.reached,
        'causeway.trace.fingerprint': measured.fingerprint,
        'causeway.trace.hops': hopsOf(trace),
        'causeway.trace.forward_length': measured.forwardHops,
        'causeway.trace.return_length': measured.returnHops,
        'causeway.trace.loop': measured.loop,
      }),
      ...causeAttributes(diagnose([failed, trace], { startedAt: failed.startedAt })[0]),
    },
  }
}
