import type { Diagnosis } from '../../wire/causes.ts'
import type { HttpMeasured } from '../../wire/measured-http.ts'
import type { AnyResult, Target } from '../../wire/result.ts'
import { addressOf, buildDiagnosis, buildOpenssl, buildRun, clean, fix, listFacts, placeOf, sayMs } from './say.ts'
import { findOpen, reasonOf, type Seen, sayDetail } from './seen.ts'

const timesOf = (http: HttpMeasured | undefined): string[] =>
  http === undefined
    ? []
    : listFacts(
        typeof http.rttMs === 'number' && `the network's round trip is ${sayMs(http.rttMs)}`,
        typeof http.serverMs === 'number' && `the service took ${sayMs(http.serverMs)} to begin its answer`,
        ...(http.serverTiming ?? []).map(
          ({ name, durationMs }) => durationMs !== null && `the service itself counts ${sayMs(durationMs)} for ${clean(name)}`,
        ),
        typeof http.retransmits === 'number' && `${http.retransmits} segments were sent again`,
        typeof http.traceId === 'string' && `its traces have the id ${clean(http.traceId)}`,
      )

/** By the trace that was sent along, and past whatever stands before the service. */
const fixesFor = (http: HttpMeasured | undefined, target: Target) => [
  ...(/^[0-9a-f]{32}$/.test(http?.traceId ?? '')
    ? [fix("Jaeger: the service's own spans of this request", `curl -s http://jaeger-query:16686/api/traces/${http!.traceId}`)]
    : []),
  fix('keep what was seen, for a ticket', buildRun(target, 'http', '--evidence evidence.json')),
]

/**
 * Connected, and no complete answer in time. The peer's kernel acknowledges what has arrived, so a request that is acknowledged waits for the
 * service; one that had to be sent again waits for the network.
 */
export const explainSlowService = (seen: Seen): Diagnosis | undefined => {
  const result = findOpen(seen, ['http_timeout'])
  if (result === undefined) return undefined
  const http = result.kind === 'http' ? result.measured : undefined
  const lossy = (http?.retransmits ?? 0) > 0 || http?.requestAcked === false
  return buildDiagnosis(lossy ? 'packet_loss' : 'service_slow', {
    confidence: http?.requestAcked === undefined || http.requestAcked === null ? 'possible' : 'likely',
    summary: lossy
      ? `The answer of ${placeOf(result.target)} is late because packets are lost on the way.`
      : `${placeOf(result.target)} takes the request and does not answer in time; the network is not what is slow.`,
    evidence: listFacts(sayDetail(result), ...timesOf(http)),
    against: listFacts(
      !lossy &&
        'a proxy in between may have acknowledged the request and wait for a service behind it, over a network that is not seen here',
    ),
    fixes: fixesFor(http, result.target),
    next: lossy ? buildRun(result.target) : buildRun(result.target, 'http', '--output json'),
  })
}

/** Of an exchange that had begun: what breaks off later than connecting is no matter of TCP. */
const isHungUp = (result: AnyResult | undefined): boolean =>
  result?.kind === 'http' && reasonOf(result) === 'tcp_reset' && result.phasesMs['connect'] !== undefined

const isNoHttp = (result: AnyResult | undefined): boolean => reasonOf(result) === 'http_status' && /is not HTTP/.test(sayDetail(result))

/** The connection is good, over TLS its handshake too, and who is behind it speaks another protocol, or hangs up without a word of HTTP. */
export const explainNoHttp = (seen: Seen): Diagnosis | undefined => {
  const result = findOpen(seen, ['http_status', 'tcp_reset'])
  const spoke = isNoHttp(result)
  if (result?.kind !== 'http' || !(spoke || isHungUp(result))) return undefined
  const { target, measured: http } = result
  const overTls = http.tls !== null
  const after = overTls ? 'completes the TLS handshake' : 'accepts the connection'
  return buildDiagnosis('http_wrong_answer', {
    confidence: spoke ? 'certain' : 'likely',
    summary: spoke
      ? `${placeOf(target)} ${after} and then answers with something that is not HTTP: another kind of service listens there.`
      : `${placeOf(target)} ${after}, takes the request and hangs up without an answer: it speaks no HTTP there, or breaks on this request.`,
    evidence: listFacts(sayDetail(result), http.url && `asked for ${clean(http.url)}`),
    against: listFacts(
      !spoke && 'a proxy without a healthy service behind it, and one that refuses this request, hang up in the same way',
      !overTls && 'a port that wants TLS hangs up on a request in clear text too',
    ),
    fixes: [
      fix(
        'check: what does it say by itself?',
        overTls ? buildOpenssl(target, '-quiet') : `curl -sv -m 5 telnet://${addressOf(target)} </dev/null`,
      ),
      ...fixesFor(undefined, target),
    ],
    next: buildRun(target, overTls ? 'tls' : 'tcp'),
  })
}

/** An answer came, and it is not the expected one. */
export const explainWrongAnswer = (seen: Seen): Diagnosis | undefined => {
  const result = findOpen(seen, ['http_status', 'http_body'])
  if (result === undefined) return undefined
  const http = result.kind === 'http' ? result.measured : undefined
  const gateway = http?.status === 502 || http?.status === 503 || http?.status === 504
  return buildDiagnosis('http_wrong_answer', {
    confidence: http?.status === null || http?.status === undefined ? 'likely' : 'certain',
    summary: gateway
      ? `${placeOf(result.target)} answers with status ${http.status}: a proxy is reached and the service behind it is not.`
      : `${placeOf(result.target)} is reached and does not answer as expected.`,
    evidence: listFacts(sayDetail(result), http?.url && `asked for ${clean(http.url)}`, ...timesOf(http)),
    against: listFacts(gateway && 'the service may say so itself, when it sheds load'),
    fixes: fixesFor(http, result.target),
    next: buildRun(result.target, 'http', '--output json'),
  })
}
