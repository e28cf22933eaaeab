/** Paths and results as a configuration and the probes would make them. */
import type { Path } from '../../agent/path.ts'
import type { Clock } from '../../agent/window-bounds.ts'
import type { CertificateFacts } from '../../wire/measured.ts'
import { withDefaults } from '../../wire/options.ts'
import type { AnyResult, Kind, Outcome, Result } from '../../wire/result.ts'
import { healthy } from '../wire/healthy.ts'

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
      ...healthy.icmp,
      sent: rttsMs.length + lost,
      received: rttsMs.length,
      lossRatio: lost / (rttsMs.length + lost),
      rttMs: null,
      jitterMs: null,
    },
    { samplesMs: rttsMs, ...more },
  )

export const connect = (rttMs: number, more: Partial<Result<'tcp'>> = {}): AnyResult =>
  resultOf('tcp', { ...healthy.tcp, synRttMs: rttMs }, { phasesMs: { connect: rttMs, total: rttMs + 1 }, ...more })

export const anyResult = resultOf

/** A transfer beside the connect: what the responder told of its own segments. */
export const transfer: Pick<Result<'tcp'>, 'measured'> = {
  measured: {
    ...healthy.tcp,
    synRttMs: 30,
    reverse: { retransmits: 2, segmentsOut: 40, retransmitRatio: 0.05, bytesSent: 50_000 },
  },
}

/** Datagrams to a responder: every RTT in ms, and how many were lost in each direction. */
export const datagrams = (rttsMs: readonly number[], lost = { forward: 0, reverse: 0 }, more: Partial<Result<'udp'>> = {}): AnyResult => {
  const arrived = rttsMs.length + lost.reverse
  const sent = arrived + lost.forward
  const rest = { jitterMs: 0.1, duplicates: 0, reordered: 0 }
  return resultOf(
    'udp',
    {
      ...healthy.udp,
      sent,
      received: rttsMs.length,
      lossRatio: 1 - rttsMs.length / sent,
      rttMs: null,
      forward: { sent, received: arrived, lossRatio: lost.forward / sent, ...rest },
      reverse: { sent: arrived, received: rttsMs.length, lossRatio: lost.reverse / arrived, ...rest },
    },
    { samplesMs: rttsMs, ...more },
  )
}

/** A request over HTTPS: the round trip, and what the service took. */
export const request = (rttMs: number, serverMs: number, chain: readonly CertificateFacts[]): AnyResult =>
  resultOf('http', { rttMs, serverMs, retransmits: 0, tls: { chain } } as unknown as Result<'http'>['measured'], {
    phasesMs: { connect: rttMs, tls: 2 * rttMs, wait: rttMs + serverMs, total: 4 * rttMs + serverMs },
  })

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
