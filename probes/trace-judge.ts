/** What the flows of a trace come to: hops, lengths, and the outcome. Pure. */
import { deadFlowsOf, fingerprintOf, hopsBehind, loopOf } from '../judge/route.ts'
import type { TraceFlow, TraceHop, TraceMeasured } from '../wire/measured-trace.ts'
import type { Options } from '../wire/options.ts'
import type { Outcome } from '../wire/result.ts'
import { type Finding, fail, ok, type Resolved, unmeasured } from './finding.ts'
import { isLocalRefusal, reasonOfSend } from './icmp-errors.ts'
import { errnoName } from './net/libc.ts'
import { quantile } from './net/quantile.ts'
import type { Asked, FlowState, Heard } from './trace-flow.ts'

type Protocol = Options['trace']['protocol']

const round = (ms: number): number => Math.round(ms * 1e4) / 1e4

/** What was asked at a TTL that the route of its flow has. */
const askedAt = (flows: readonly FlowState[], ttl: number): Asked[] =>
  flows.flatMap(({ asked, endsAt }) => asked.filter(one => one.ttl === ttl && ttl <= (endsAt ?? ttl)))

const buildHop = (flows: readonly FlowState[], ttl: number): TraceHop => {
  const asked = askedAt(flows, ttl)
  const heard = asked.map(one => one.heard).filter((one): one is Heard => one !== undefined)
  const rtts = Float64Array.from(heard.map(({ rttMs }) => rttMs).filter(ms => !Number.isNaN(ms))).sort()
  const addresses = [...new Set(heard.map(({ from }) => from))]
  const first = flows.map(({ route }) => route[ttl - 1]).find(address => typeof address === 'string') ?? null
  const ttlHere = heard.find(one => one.from === first && one.ttlHere >= 0)?.ttlHere ?? null
  const { mpls = [], interfaces = [] } = heard.find(one => one.mpls.length > 0 || one.interfaces.length > 0) ?? {}
  const refusal = heard.map(({ what }) => what).find(what => what !== 'expired' && what !== 'reached')
  return {
    ttl,
    address: first,
    rttMs: rtts.length === 0 ? null : round(quantile(rtts, 0.5)),
    rttMinMs: rtts.length === 0 ? null : round(rtts[0]!),
    rttMaxMs: rtts.length === 0 ? null : round(rtts.at(-1)!),
    loss: asked.length === 0 ? 0 : (asked.length - heard.length) / asked.length,
    sent: asked.length,
    received: heard.length,
    ...(addresses.length > 1 && { addresses }),
    ttlHere,
    returnHops: ttlHere === null ? null : hopsBehind(ttlHere),
    ...(mpls.length > 0 && { mpls }),
    ...(interfaces.length > 0 && { interfaces }),
    ...(refusal && { unreachable: refusal }),
  }
}

/** A packet that came further was not lost here: no hop loses more than the least that any later one does. */
const settleLoss = (hops: readonly TraceHop[]): TraceHop[] => {
  let least = Number.POSITIVE_INFINITY
  return hops
    .toReversed()
    .map(hop => {
      const { loss, received } = hop
      if (received > 0) least = Math.min(least, loss)
      if (loss <= least || least === Number.POSITIVE_INFINITY) return hop
      return received > 0 ? { ...hop, loss: least, rateLimited: true as const } : { ...hop, loss: least }
    })
    .toReversed()
}

const traceFlow = ({ id, route, reached, endsAt }: FlowState): TraceFlow => ({
  id,
  route: [...route],
  reached,
  hops: reached ? endsAt : null,
})

export const measureTrace = (flows: readonly FlowState[], protocol: Protocol, port: number | null): TraceMeasured => {
  const [first] = flows
  const longest = Math.max(0, ...flows.map(({ counts, endsAt }) => Math.min(counts.length - 1, endsAt ?? Number.POSITIVE_INFINITY)))
  const hops = settleLoss(Array.from({ length: longest }, (_, at) => buildHop(flows, at + 1)))
  const arrived = flows.filter(({ reached }) => reached)
  const forwardHops = first?.reached ? first.endsAt : (arrived[0]?.endsAt ?? null)
  const last = (first?.reached ? first : arrived[0])?.asked.find(({ heard }) => heard?.what === 'reached' && heard.ttlHere >= 0)?.heard
  const sum = (of: (flow: FlowState) => number): number => flows.reduce((total, flow) => total + of(flow), 0)
  const loop = flows.map(({ route }) => loopOf(route)).find(found => found !== undefined)
  return {
    protocol,
    port,
    hops,
    fingerprint: first ? fingerprintOf(first.route) : null,
    reached: arrived.length > 0,
    forwardHops,
    returnHops: last ? hopsBehind(last.ttlHere) : null,
    ttl: last?.ttlHere ?? null,
    flows: flows.map(traceFlow),
    loop: loop ?? null,
    sent: sum(({ asked }) => asked.length),
    received: sum(({ asked }) => asked.filter(({ heard }) => heard).length),
    foreign: sum(({ foreign }) => foreign),
    unidentified: sum(({ unidentified }) => unidentified),
  }
}

type Judged = Pick<Finding<'trace'>, 'outcome' | 'warnings'>

/** To arrive is all that is asked. Some flows that do not are one of several ways that is broken: loss, for whoever's flows go there. */
export const judgeTrace = (
  flows: readonly FlowState[],
  measured: TraceMeasured,
  target: Resolved,
  { maxHops }: Options['trace'],
): Judged => {
  const dead = deadFlowsOf(measured)
  if (measured.reached && dead.length === 0) return { outcome: ok, warnings: [] }
  if (measured.reached) {
    const detail = `${dead.length} of ${flows.length} flows do not arrive: ${dead.map(sayEnd).slice(0, 4).join('; ')}`
    return { outcome: fail('packet_loss', detail), warnings: [] }
  }
  return { outcome: judgeEnd(flows, measured, target, maxHops), warnings: [] }
}

const sayEnd = ({ id, route }: TraceFlow): string => {
  const at = route.findLastIndex(address => address !== null)
  return `${id === null ? 'one' : `flow ${id}`} ${at < 0 ? 'is silent from the first hop on' : `is last seen at hop ${at + 1}, ${route[at]}`}`
}

const judgeEnd = (flows: readonly FlowState[], { hops, loop, sent }: TraceMeasured, target: Resolved, maxHops: number): Outcome => {
  if (loop) return fail('ttl_exceeded', `packets to ${target.address} go in a circle: ${[...loop, loop[0]].join(' → ')}`)
  const refused = hops.find(({ unreachable }) => unreachable)
  if (refused?.unreachable) {
    // A filter judges what it would forward: it has answered as the hop before too.
    const at = hops.find(({ address }) => address === refused.address) ?? refused
    return fail(refused.unreachable, `hop ${at.ttl}, ${refused.address}, says that ${target.address} can't be reached`)
  }
  const errno = flows.find(({ sendErrno }) => sendErrno !== 0)?.sendErrno ?? 0
  if (sent === 0) return judgeSend(errno, target)
  const last = hops.findLast(({ address }) => address !== null)
  if (!last) return errno !== 0 ? judgeSend(errno, target) : fail('no_reply', `no hop on the way to ${target.address} answers, nor does it`)
  if (last.ttl === maxHops) return fail('ttl_exceeded', `hop ${maxHops} is ${last.address}, and ${target.address} lies beyond it`)
  return fail(
    'no_reply',
    `the last hop that answers is number ${last.ttl}, ${last.address}; behind it there is silence, want ${target.address}`,
  )
}

const judgeSend = (errno: number, { address }: Resolved): Outcome => {
  const said = `sending to ${address}: ${errno === 0 ? 'the send buffer stayed full' : errnoName(errno)}`
  const reason = reasonOfSend(errno)
  if (reason) return fail(reason, said)
  return unmeasured(isLocalRefusal(errno) ? 'local_permission' : 'local_resource', said)
}
