import { randomBytes } from 'node:crypto'
import { headerProblems, parseServerTiming, parseStatusRange, showUrl } from '../judge/http.ts'
import type { HttpMeasured } from '../wire/measured-http.ts'
import type { Options } from '../wire/options.ts'
import type { Outcome, Violation, Warning } from '../wire/result.ts'
import type { Secret } from '../wire/secret.ts'
import { quote } from '../wire/values.ts'
import { aborted, ok, type Probe, type Resolved, timedOut, unmeasured } from './finding.ts'
import { matchPattern, unpack } from './http-body.ts'
import { type Hop, hostField, type Open, withConnection } from './http-connect.ts'
import { type Exchange, exchange } from './http-exchange.ts'
import { checkGrpcHealth, type GrpcExchange } from './http-grpc.ts'
import { firstHop, nextHop } from './http-hop.ts'
import { judgeBody, judgeEnd, judgeHealth, judgeStatus, type Wanted } from './http-judge.ts'
import { type TraceContext, traceContextOf, traceparentOf } from './trace-context.ts'

/**
 * One request on a fresh connection to the address given, and one more for each redirect that may be followed: status, body, every phase, and how
 * much of the wait was the network's by the kernel's round trip. With `grpcService` the gRPC health check instead. No proxy, cache or cookie; a
 * server whose certificate does not verify is asked nothing.
 */
export const probeHttp: Probe<'http'> = async (target, options, signal, allow) => {
  const trace = traceContextOf(randomBytes(24))
  const measured = noHttp(target, options, trace)
  const phasesMs: Record<string, number> = {}
  const violations: Violation[] = []
  const warnings: Warning[] = []
  const finish = (outcome: Outcome) => ({ outcome, measured, phasesMs, warnings, violations })
  const wanted = readWanted(options)
  const first = firstHop(target, options)
  if (typeof wanted === 'string') return finish(unmeasured('config_invalid', wanted))
  if (typeof first === 'string') return finish(unmeasured('config_invalid', first))
  const bearer = isBearer(options) ? await (await import('./http-bearer.ts')).readBearer(options, signal, allow) : undefined
  if (bearer && 'outcome' in bearer) return finish(bearer.outcome)
  for (let hop: Hop = first; ; ) {
    if (signal.aborted && !timedOut(signal)) return finish(aborted)
    let seen: Exchange | undefined
    let isKnown = false
    measured.url = showUrl(hop.url)
    measured.address = hop.address
    measured.method = hop.method
    const asking = hop
    const opening = await withConnection(hop, options, signal, async open => {
      seen = await ask(asking, open, { options, bearer: bearer?.got }, trace, signal)
      measure(measured, seen, open, phasesMs)
      isKnown = open.isKnown
    })
    Object.assign(phasesMs, opening.phasesMs)
    measured.tls = opening.tls
    violations.push(...opening.violations)
    warnings.push(...opening.warnings)
    if (opening.outcome || !seen) return finish(opening.outcome ?? aborted)
    const broken = judgeEnd(seen, measured, hop.isFirst && options.cert !== undefined, options.timeoutMs, signal)
    if (broken) return finish(broken)
    const next = await nextHop(hop, seen, measured, options, signal, allow)
    if (!next) return finish(await judgeAnswer({ ...seen, isKnown }, measured, wanted, options))
    if ('outcome' in next) return finish(next.outcome)
    warnings.push(...next.warnings)
    phasesMs['dns'] = (phasesMs['dns'] ?? 0) + next.dnsMs
    hop = next.hop
  }
}

/** Whether the request is to show a token that is fetched for it. */
const isBearer = ({ tokenFrom, tokenFile, tokenUrl }: Options['http']): boolean => (tokenFrom ?? tokenFile ?? tokenUrl) !== undefined

const noHttp = (target: Resolved, { method, grpcService }: Options['http'], trace: TraceContext): HttpMeasured => ({
  url: '',
  method: grpcService === undefined ? method : 'POST',
  status: null,
  protocol: null,
  address: target.address,
  rttMs: null,
  firstByteMs: null,
  serverMs: null,
  serverTiming: [],
  requestAcked: null,
  retransmits: null,
  bodyBytes: 0,
  truncated: false,
  contentType: null,
  redirects: [],
  tls: null,
  ...trace,
})

/** What is expected, or everything that is wrong with how it is configured. */
const readWanted = (options: Options['http']): Wanted | string => {
  const { expectStatus, expectBody, expectPattern, headers, method, body, grpcService } = options
  const ranges = expectStatus.map(parseStatusRange)
  const problems = [
    ...headerProblems(headers),
    ...ranges.flatMap(range => (range.ok ? [] : range.problems)),
    ...(body !== undefined && method !== 'POST' ? [`a body goes with POST, the method is ${method}`] : []),
    ...(method === 'HEAD' && (expectBody ?? expectPattern) !== undefined ? ['the answer to HEAD has no body to look at'] : []),
    ...(grpcService !== undefined && options.redirects > 0 ? ['gRPC has no redirects'] : []),
  ]
  let pattern: RegExp | undefined
  try {
    pattern = expectPattern === undefined ? undefined : new RegExp(expectPattern, 's')
  } catch {
    problems.push(`${quote(expectPattern!)} is not a regular expression`)
  }
  if (problems.length > 0) return problems.join('; ')
  const statuses = ranges.flatMap(range => (range.ok ? [range.value] : []))
  return { statuses, statusText: expectStatus.join(', '), body: expectBody, pattern }
}

/** What proves who we are. */
type Shown = { options: Options['http']; bearer?: Secret }

/**
 * The fields of a request. Those of the check, and what else proves who we are, are for the target alone: another origin, to which a
 * redirect leads, gets none of them.
 */
const buildFields = (hop: Hop, { options, bearer }: Shown, trace: TraceContext): Record<string, string> => ({
  'user-agent': 'causeway',
  ...(options.grpcService === undefined ? { accept: '*/*', 'accept-encoding': 'identity' } : {}),
  ...(hop.isFirst ? Object.fromEntries(Object.entries(options.headers).map(([name, value]) => [name.toLowerCase(), value])) : {}),
  ...(hop.isFirst && bearer ? { authorization: `Bearer ${bearer.reveal()}` } : {}),
  host: hostField(hop),
  traceparent: traceparentOf(trace),
})

const ask = (hop: Hop, { socket, readInfo }: Open, shown: Shown, trace: TraceContext, signal: AbortSignal): Promise<Exchange> => {
  const { options } = shown
  const headers = buildFields(hop, shown, trace)
  const { grpcService: service, maxBodyBytes } = options
  if (service !== undefined) return checkGrpcHealth(socket, { service, headers }, readInfo, signal)
  const path = `${hop.url.pathname}${hop.url.search}`
  const body = hop.isFirst && hop.method === 'POST' ? options.body : undefined
  return exchange(socket, { method: hop.method, path, headers, maxBodyBytes, ...(body !== undefined && { body }) }, readInfo, signal)
}

const round = (ms: number): number => Math.round(ms * 1e3) / 1e3

const measure = (measured: HttpMeasured, seen: Exchange, { socket, connected }: Open, phasesMs: Record<string, number>): void => {
  const { info, headers } = seen
  const isH2 = 'grpcStatus' in seen || (socket as { alpnProtocol?: string }).alpnProtocol === 'h2'
  measured.status = seen.status
  measured.protocol = seen.status === null ? null : isH2 ? 'HTTP/2' : 'HTTP/1.1'
  measured.rttMs = connected?.rttMs ?? null
  measured.firstByteMs = seen.firstByteMs === null ? null : round(seen.firstByteMs)
  measured.serverMs = seen.firstByteMs === null || !connected ? null : round(Math.max(0, seen.firstByteMs - connected.rttMs))
  measured.requestAcked = info ? info.unacked === 0 : null
  measured.retransmits = info ? info.totalRetransmits - (connected?.totalRetransmits ?? 0) : null
  measured.bodyBytes = seen.bodyBytes
  measured.truncated = seen.end === 'bounded'
  measured.contentType = headers['content-type']?.slice(0, 200) ?? null
  measured.serverTiming = parseServerTiming([headers['server-timing'] ?? []].flat().join(', '))
  if (seen.firstByteMs !== null) phasesMs['wait'] = round(seen.firstByteMs)
  if (seen.bodyMs !== null) phasesMs['body'] = round(seen.bodyMs)
  if ('grpcStatus' in seen) {
    const { grpcStatus, health } = seen as GrpcExchange
    measured.grpc = { status: grpcStatus, health }
  }
}

const judgeAnswer = async (
  seen: Exchange & { isKnown: boolean },
  measured: HttpMeasured,
  wanted: Wanted,
  options: Options['http'],
): Promise<Outcome> => {
  if (options.grpcService !== undefined) return judgeHealth(seen as Exchange as GrpcExchange, options.grpcService)
  const outcome = judgeStatus(seen.status!, wanted, seen)
  if (outcome.kind !== 'ok' || (wanted.body === undefined && !wanted.pattern)) return outcome
  const plain = await unpack(seen.body, seen.headers['content-encoding'], options.maxBodyBytes)
  const body = typeof plain === 'string' ? { problem: plain } : plain.toString('utf8')
  return outcome === ok ? judgeBody(body, wanted, measured, matchPattern) : outcome
}
