import type { Diagnosis, Fix } from '../../wire/causes.ts'
import type { TraceFlow } from '../../wire/measured-trace.ts'
import { deadFlowsOf, trimRoute } from '../route.ts'
import { routeOf, sayRoute } from './explain-route.ts'
import { buildDiagnosis, buildRun, clean, fix, hostOf, listFacts, sayList } from './say.ts'
import { isOk, onlyKindOf, openReason, type Seen, sayDetail } from './seen.ts'

/** Where a route ends, for whoever looks at what failed beside it. */
export const sayTraced = ({ trace }: Seen): string | false =>
  trace !== undefined && !isOk(trace) && trace.outcome.kind === 'fail' && `traced: ${sayDetail(trace)}`

/** Packets pass the same routers again and again. */
export const explainLoop = (seen: Seen): Diagnosis | undefined => {
  const loop = seen.trace?.measured.loop
  if (openReason(seen, 'trace') !== 'ttl_exceeded' || !loop || loop.length === 0) return undefined
  const { target } = seen.trace!
  const routers = loop.map(clean)
  return buildDiagnosis('routing_loop', {
    confidence: 'certain',
    direction: 'forward',
    summary: `Packets to ${hostOf(target)} go in a circle between ${sayList(routers)}, until their TTL has run out: each believes that the other is nearer.`,
    evidence: listFacts(sayDetail(seen.trace), sayRoute(routeOf(seen.trace!))),
    against: [],
    fixes: [
      fix(`each of the routers ${sayList(routers)}: where does it send this address?`, `ip route get ${target.address ?? 'ADDRESS'}`),
      fix(
        'AWS: the route tables on both sides of the transit gateway',
        'aws ec2 search-transit-gateway-routes --transit-gateway-route-table-id ID --filters Name=state,Values=active',
      ),
    ],
    next: buildRun(target, 'trace'),
  })
}

/** Routers that only the dead flows pass, or the place where they are seen last. */
const suspectsOf = (flows: readonly TraceFlow[], dead: readonly TraceFlow[]): string[] => {
  const alive = new Set(flows.filter(({ reached }) => reached).flatMap(({ route }) => route))
  const shared = dead[0]?.route.filter(one => one !== null && !alive.has(one) && dead.every(({ route }) => route.includes(one))) ?? []
  return shared.filter(one => one !== null)
}

const sayDead = ({ id, route }: TraceFlow): string => {
  const seen = trimRoute(route)
  const name = id === null ? 'a flow' : `flow ${id}`
  return seen.length === 0 ? `${name} is answered by nobody` : `${name} is last seen at hop ${seen.length}, ${clean(seen.at(-1)!)}`
}

export const fixMember = (which: string): Fix[] => [
  fix('whoever runs the parallel links: take the broken member out', `# ${which}`),
  fix('AWS: is each tunnel of the VPN up?', 'aws ec2 describe-vpn-connections --query "VpnConnections[].VgwTelemetry"'),
]

/** Some flows arrive and others never: one of several equal ways is broken. */
export const explainDeadFlows = (seen: Seen): Diagnosis | undefined => {
  const flows = seen.trace?.measured.flows ?? []
  const dead = seen.trace?.measured.reached ? deadFlowsOf(seen.trace.measured) : []
  if (openReason(seen, 'trace') !== 'packet_loss' || dead.length === 0) return undefined
  const { target } = seen.trace!
  const suspects = suspectsOf(flows, dead).map(clean)
  const where = suspects.length > 0 ? `: those that go over ${sayList(suspects)}` : ''
  return buildDiagnosis('packet_loss', {
    confidence: 'certain',
    summary: `${dead.length} of ${flows.length} flows to ${hostOf(target)} never arrive and the others do${where}: one of several parallel ways is broken, one member of an ECMP group.`,
    evidence: listFacts(...dead.slice(0, 6).map(sayDead), dead.length > 6 && `and ${dead.length - 6} more`),
    against: listFacts(suspects.length === 0 && 'the ways there look alike: it may be the way back that is broken'),
    fixes: fixMember(suspects[0] ? `the member that leads over ${suspects[0]}` : 'the member behind the last hop that is seen'),
    next: buildRun(target, 'trace', '--flows 32'),
  })
}

/** Where a trace that was asked for alone ends. */
export const explainTraceEnd = (seen: Seen): Diagnosis | undefined => {
  const reason = openReason(seen, 'trace')
  if (reason === undefined || onlyKindOf(seen) !== 'trace') return undefined
  const { target, measured } = seen.trace!
  const last = measured.hops?.findLast(({ address }) => address !== null)
  const refusal = reason !== 'no_reply' && reason !== 'ttl_exceeded'
  return buildDiagnosis(reason === 'admin_prohibited' ? 'port_filtered' : 'host_down', {
    confidence: refusal ? 'certain' : 'possible',
    summary: last
      ? `Packets to ${hostOf(target)} are seen as far as hop ${last.ttl}, ${clean(last.address!)}${refusal ? ', where they are refused' : ', and not behind it'}.`
      : `No router on the way to ${hostOf(target)} answers, nor does it.`,
    evidence: listFacts(sayDetail(seen.trace), sayRoute(routeOf(seen.trace!))),
    against: listFacts(!refusal && 'silence is not proof: many targets and filters answer no trace, and forward everything'),
    fixes: [fix('try what the service itself uses', buildRun(target, 'trace', `--protocol tcp`))],
    next: buildRun(target.port === undefined ? { ...target, port: 443 } : target, 'tcp'),
  })
}
