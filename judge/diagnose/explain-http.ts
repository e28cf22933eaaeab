import type { Diagnosis } from '../../wire/causes.ts'
import type { HttpMeasured } from '../../wire/measured-http.ts'
import type { Target } from '../../wire/result.ts'
import { buildDiagnosis, buildRun, clean, fix, listFacts, placeOf, sayMs } from './say.ts'
import { findOpen, type Seen, sayDetail } from './seen.ts'

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
