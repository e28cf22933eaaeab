import type { Result } from '../wire/result.ts'
import { labelsOf, phaseAttributes } from './events.ts'
import type { RunSpan } from './record.ts'
import type { Ran } from './run-path.ts'
import type { Clock } from './schedule.ts'

/**
 * A run of an http check as a client's span, of the trace that the service was told of: undefined when no request was made. Attributes by OpenTelemetry's
 * semantic conventions for HTTP client spans (http/http-spans.md); its host is of few values, so the name has it. An answer that the check wants is no error,
 * whatever its status.
 */
export const buildSpan = ({ path, result, startedMs, endedMs }: Ran, clock: Clock): RunSpan | undefined => {
  if (result.kind !== 'http') return undefined
  const { outcome, target, measured, phasesMs } = result as Result<'http'>
  // A name that could not be resolved and a target that is not allowed have no measurement; an unsound configuration has no URL.
  if (!measured.traceId || measured.url === '') return undefined
  const sinceStartMs = clock.nowMs() - clock.elapsedMs()
  return {
    traceId: measured.traceId,
    spanId: measured.spanId,
    name: `${measured.method} ${path.host}`,
    startMs: sinceStartMs + startedMs,
    endMs: sinceStartMs + endedMs,
    ...(outcome.kind === 'fail' && { error: `${outcome.reason}: ${outcome.detail}` }),
    labels: labelsOf(path, target),
    attributes: {
      'http.request.method': measured.method,
      'url.full': measured.url,
      'causeway.outcome': outcome.kind,
      ...(outcome.kind !== 'ok' && { 'error.type': outcome.reason, 'causeway.detail': outcome.detail }),
      ...(measured.status !== null && { 'http.response.status_code': measured.status }),
      ...(measured.protocol !== null && { 'network.protocol.version': measured.protocol === 'HTTP/2' ? '2' : '1.1' }),
      ...(measured.address !== '' && { 'network.peer.address': measured.address }),
      ...(measured.rttMs !== null && { 'causeway.measured.rttMs': measured.rttMs }),
      ...(measured.serverMs !== null && { 'causeway.measured.serverMs': measured.serverMs }),
      ...phaseAttributes(phasesMs),
    },
  }
}
