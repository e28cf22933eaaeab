import type { AnyResult, Outcome } from '../wire/result.ts'
import type { Labels } from './metrics.ts'
import type { Path } from './path.ts'
import type { AgentEvent, EventAttribute } from './record.ts'

/** A value of what was measured that is longer than this is cut: an event is a log line, not a capture. */
const maxValueLength = 4096

/**
 * What to log of a run: `failed` for a failure, `changed` when the path is not as it was at the run before. The evidence goes along as
 * attributes: addresses, serials and identities, which are never labels of metrics. `severity` where more is known than this run.
 */
export const buildEvent = (
  path: Path,
  result: AnyResult,
  noted: 'changed' | 'failed',
  atMs: number,
  severity: AgentEvent['severity'] = severityOf(result.outcome),
): AgentEvent => {
  const { outcome, target } = result
  return {
    atMs,
    name: noted === 'changed' ? 'causeway.path.changed' : 'causeway.run.failed',
    severity,
    body: `${path.key}: ${sentenceOf(outcome)}`,
    labels: labelsOf(path, target),
    attributes: {
      'causeway.outcome': outcome.kind,
      ...(outcome.kind !== 'ok' && { 'error.type': outcome.reason, 'causeway.detail': outcome.detail }),
      'causeway.started_at': result.startedAt,
      ...(target.address !== undefined && { 'network.peer.address': target.address }),
      ...listed('causeway.violations', result.violations),
      ...listed('causeway.warnings', result.warnings),
      ...phaseAttributes(result.phasesMs),
      ...spread('causeway.measured', result.measured),
    },
  }
}

export const labelsOf = (path: Path, { family }: AnyResult['target']): Labels => ({
  check: path.check,
  kind: path.kind,
  target: path.target.name,
  host: path.host,
  port: path.port,
  family,
  destination: path.destination,
})

export const phaseAttributes = (phasesMs: AnyResult['phasesMs']): Record<string, EventAttribute> => spread('causeway.phase_ms', phasesMs)

const severityOf = ({ kind }: Outcome): AgentEvent['severity'] => (kind === 'ok' ? 'info' : kind === 'fail' ? 'error' : 'warn')

const sentenceOf = (outcome: Outcome): string => (outcome.kind === 'ok' ? 'ok' : `${outcome.reason}: ${outcome.detail}`)

const listed = (name: string, found: readonly { code: string; detail: string }[]): Record<string, string[]> =>
  found.length === 0 ? {} : { [name]: found.map(({ code, detail }) => `${code}: ${detail}`) }

/** One attribute for each value; what has parts is JSON. What was not seen is left out. */
const spread = (prefix: string, values: object): Record<string, EventAttribute> =>
  Object.fromEntries(
    Object.entries(values).flatMap(([name, value]: [string, unknown]) => {
      if (value === null || value === undefined || (Array.isArray(value) && value.length === 0)) return []
      const isPlain = typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))
      return [[`${prefix}.${name}`, isPlain ? value : cut(typeof value === 'string' ? value : JSON.stringify(value))]]
    }),
  )

const cut = (text: string): string => (text.length > maxValueLength ? `${text.slice(0, maxValueLength - 1)}…` : text)
