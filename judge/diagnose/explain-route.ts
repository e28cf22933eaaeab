import type { Confidence, Diagnosis } from '../../wire/causes.ts'
import type { TraceMeasured } from '../../wire/measured-trace.ts'
import type { Result } from '../../wire/result.ts'
import { isSameLink, type Route, trimRoute } from '../route.ts'
import { buildDiagnosis, buildRun, clean, fix, hostOf, listFacts, sayMs } from './say.ts'
import type { Seen } from './seen.ts'

type Trace = Result<'trace'>

/** A difference of one hop may be a tunnel that one direction hides; without the other side's own trace two are asked for. */
const tellingHops = 2

export const sayRoute = (route: Route): string =>
  trimRoute(route)
    .map(address => (address === null ? '*' : clean(address)))
    .join(' → ') || 'nobody answered'

export const routeOf = ({ measured }: Trace): Route => measured.flows?.[0]?.route ?? []

const sayLength = ({ forwardHops, reached }: TraceMeasured): string =>
  reached && forwardHops !== null ? `${forwardHops} hops` : 'it does not arrive'

/** Places that both directions show: the same router, or the two ends of one cable. */
const countShared = (there: Route, back: Route): number =>
  trimRoute(there).filter(one => one !== null && back.some(other => other !== null && isSameLink(one, other))).length

/**
 * The way back is another way than the way there. With the other side's own trace of the same pair, both are compared: by length, and where routers can be recognised, by them
 * (each answers from the side it is asked from, so that the two ends of a cable are taken for one place). Without it there is only the length that the TTL of answers tells.
 */
export const explainAsymmetry = (seen: Seen): Diagnosis | undefined => {
  const { trace, returnTrace } = seen
  if (!trace?.measured.reached || trace.measured.forwardHops === null) return undefined
  return returnTrace ? compareTraces(trace, returnTrace) : compareLengths(trace)
}

const compareTraces = (trace: Trace, back: Trace): Diagnosis | undefined => {
  const [there, here] = [trace.measured, back.measured]
  if (!here.reached || here.forwardHops === null) return undefined
  const isLonger = there.forwardHops !== here.forwardHops
  // The ends are the pair itself.
  const [one, other] = [routeOf(trace).slice(0, -1), routeOf(back).slice(0, -1)]
  const shared = countShared(one, other)
  const known = Math.min(...[one, other].map(route => route.filter(address => address !== null).length))
  const isApart = shared > 0 && known >= 3 && shared < known / 2
  if (!isLonger && !isApart) return undefined
  const isConfirmed = isLonger && (there.returnHops === here.forwardHops || here.returnHops === there.forwardHops)
  return asymmetric(trace, isConfirmed ? 'certain' : 'likely', {
    evidence: listFacts(
      `there, ${sayLength(there)}: ${sayRoute(routeOf(trace))}`,
      `back, ${sayLength(here)}: ${sayRoute(routeOf(back))}`,
      isConfirmed && `the TTL of answers says the same: ${there.returnHops} hops back, ${here.returnHops} hops there`,
      isApart && `${shared} of ${known} places are the same both ways`,
    ),
    against: listFacts(!isConfirmed && 'a tunnel may hide routers in one direction only'),
  })
}

const compareLengths = (trace: Trace): Diagnosis | undefined => {
  const { forwardHops, returnHops, ttl } = trace.measured
  if (forwardHops === null || returnHops === null || Math.abs(forwardHops - returnHops) < tellingHops) return undefined
  return asymmetric(trace, 'possible', {
    evidence: listFacts(
      `there, ${forwardHops} hops: ${sayRoute(routeOf(trace))}`,
      `back, ${returnHops} hops, by the TTL of ${ttl} that is left in its answers`,
    ),
    against: ['the TTL that the target began with is a guess (64, 128 or 255)', 'a tunnel may hide routers in one direction only'],
  })
}

const asymmetric = (trace: Trace, confidence: Confidence, facts: Pick<Diagnosis, 'evidence' | 'against'>): Diagnosis =>
  buildDiagnosis('asymmetric_route', {
    confidence,
    direction: 'reverse',
    summary: `The way back from ${hostOf(trace.target)} is another than the way there: a stateful firewall on one of them sees half of each connection, and each way has its own delay and MTU.`,
    ...facts,
    fixes: [
      fix('the other side: which way does it choose?', 'ip route get OUR_ADDRESS'),
      fix(
        'AWS: is the prefix learned over both ways?',
        'aws ec2 get-transit-gateway-route-table-propagations --transit-gateway-route-table-id ID',
      ),
      fix('Azure: which next hop wins?', 'az network nic show-effective-route-table --ids NIC_ID --output table'),
      fix('GCP: are both ways advertised with the same priority?', 'gcloud compute routers get-status ROUTER --region=REGION'),
    ],
    next: `probe check --from HERE --to THERE --both-ways --kinds trace`,
  })

/**
 * What became of a route between two traces of one flow; undefined while nothing tells them apart. Of a trace that did not arrive only what it saw is compared.
 * Two flows may go different ways at all times, so traces of two flows are not compared.
 */
export const explainRouteChange = (before: Trace, after: Trace): Diagnosis | undefined => {
  const change = routeChange(before, after)
  if (!change) return undefined
  const [old, now] = [before.measured, after.measured]
  const stepMs = change.rttBeforeMs !== null && change.rttAfterMs !== null ? change.rttAfterMs - change.rttBeforeMs : null
  return buildDiagnosis('route_changed', {
    confidence: 'certain',
    direction: 'forward',
    summary: `The route to ${hostOf(after.target)} is not what it was: it differs from hop ${change.hop} on${stepMs === null ? '' : `, and the round trip is ${sayMs(Math.abs(stepMs))} ${stepMs < 0 ? 'shorter' : 'longer'}`}.`,
    evidence: listFacts(
      `before, at ${before.startedAt}, ${sayLength(old)}: ${sayRoute(routeOf(before))}`,
      `after, at ${after.startedAt}, ${sayLength(now)}: ${sayRoute(routeOf(after))}`,
      change.rttBeforeMs !== null &&
        change.rttAfterMs !== null &&
        `round trip ${sayMs(change.rttBeforeMs)} before, ${sayMs(change.rttAfterMs)} after`,
      old.returnHops !== null &&
        now.returnHops !== null &&
        old.returnHops !== now.returnHops &&
        `the way back had ${old.returnHops} hops and has ${now.returnHops}`,
    ),
    against: ['a change of route is not a fault by itself: failovers and maintenance do it on purpose'],
    fixes: [fix('AWS: did a tunnel go down?', 'aws ec2 describe-vpn-connections --query "VpnConnections[].VgwTelemetry"')],
    next: buildRun(after.target, 'trace'),
  })
}

/** The first hop that differs, counted from 1, and the round trips to the target. */
export const routeChange = (
  before: Trace,
  after: Trace,
): { hop: number; rttBeforeMs: number | null; rttAfterMs: number | null } | undefined => {
  const [was, is] = [before.measured.flows?.[0], after.measured.flows?.[0]]
  if (!was || !is || was.id !== is.id) return undefined
  const [one, other] = [trimRoute(was.route), trimRoute(is.route)]
  const bothArrived = was.reached && is.reached
  const hops = bothArrived ? Math.max(one.length, other.length) : Math.min(one.length, other.length)
  for (let at = 0; at < hops; at++) {
    const isOver = at >= one.length || at >= other.length
    if (isOver || (one[at] !== null && other[at] !== null && one[at] !== other[at]))
      return { hop: at + 1, rttBeforeMs: rttOf(before), rttAfterMs: rttOf(after) }
  }
  return undefined
}

const rttOf = ({ measured: { hops, forwardHops } }: Trace): number | null => hops?.find(({ ttl }) => ttl === forwardHops)?.rttMs ?? null
