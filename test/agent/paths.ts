/** Paths and results as a configuration and the probes would make them. */
import type { Path } from '../../agent/path.ts'
import type { Clock } from '../../agent/window-bounds.ts'
import { withDefaults } from '../../wire/options.ts'
import type { AnyResult, Kind, Outcome, Result } from '../../wire/result.ts'

export const pathOf = <K extends Kind>(kind: K, target: string, more: Partial<Path<K>> = {}): Path<K> => ({
  key: `mesh-${kind}/${target}`,
  check: `mesh-${kind}`,
  kind,
  target: { name: target, address: `${target}.azure.example:15443` },
  host: `${target}.azure.example`,
  port: kind === 'icmp' ? undefined : 15443,
  destination: { cloud: 'azure', region: 'eastus' },
  everyMs: 1000,
  timeoutMs: 1000,
  latenessMs: 100,
  expectAuthorized: false,
  options: withDefaults(kind, {}),
  ...more,
})

export const ok: Outcome = { kind: 'ok' }
export const source = { cloud: 'aws', region: 'us-east-1', zone: 'us-east-1a' }

const resultOf = <K extends Kind>(kind: K, measured: Result<K>['measured'], more: Partial<Result<K>> = {}): AnyResult =>
  ({
    kind,
    target: { host: 'payments.azure.example', address: '10.1.2.3', family: 4 },
    startedAt: '2026-11-22T00:00:01.000Z',
    outcome: ok,
    phasesMs: { total: 40 },
    measured,
    warnings: [],
    violations: [],
    ...more,
  }) as AnyResult

/** A run of ICMP echoes: every RTT in ms, and how many were lost. */
export const echoes = (rttsMs: readonly number[], lost = 0, more: Partial<Result<'icmp'>> = {}): AnyResult =>
  resultOf(
    'icmp',
    {
      sent: rttsMs.length + lost,
      received: rttsMs.length,
      lossRatio: lost / (rttsMs.length + lost),
      rttMs: null,
      jitterMs: null,
      duplicates: 0,
      reordered: 0,
      ttl: 60,
      socket: 'datagram',
    },
    { samplesMs: rttsMs, ...more },
  )

export const connect = (rttMs: number, more: Partial<Result<'tcp'>> = {}): AnyResult =>
  resultOf(
    'tcp',
    {
      synRttMs: rttMs,
      synRetransmits: 0,
      mssForward: 1448,
      mssReverse: 1448,
      retransmits: 0,
      segmentsOut: 3,
      retransmitRatio: 0,
    },
    { phasesMs: { connect: rttMs, total: rttMs + 1 }, ...more },
  )

export const anyResult = resultOf

/** A clock that stands still until it is told to go. */
export const handClock = (wallMs = Date.UTC(2026, 10, 22)): Clock & { pass(ms: number): void; step(ms: number): void } => {
  let [wall, monotonic] = [wallMs, 5000]
  return {
    wallMs: () => wall,
    monotonicMs: () => monotonic,
    pass: ms => {
      wall += ms
      monotonic += ms
    },
    step: ms => {
      wall += ms
    },
  }
}
