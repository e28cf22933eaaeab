/** Results to diagnose: each builder gives a healthy one; `but` changes what the story needs. */
import type { CertificateFacts, LadderStep, Measured, PathMtu, TlsStall } from '../../../wire/measured.ts'
import type { FailReason, UnmeasuredReason, WarningCode } from '../../../wire/reasons.ts'
import type { AnyResult, Kind, Outcome, Result, Target } from '../../../wire/result.ts'
import { healthy, healthyPath as path } from '../../wire/healthy.ts'

export const startedAt = '2026-11-21T20:00:00.000Z'
export const target: Target = { host: 'payments.azure.example', port: 15443, address: '10.20.0.5', family: 4 }
export const target6: Target = { host: 'payments.azure.example', port: 15443, address: 'fd00::5', family: 6 }

export const fail = (reason: FailReason, detail = `saw ${reason}`): Outcome => ({ kind: 'fail', reason, detail })
export const unmeasured = (reason: UnmeasuredReason, detail = `saw ${reason}`): Outcome => ({ kind: 'unmeasured', reason, detail })

export type But<K extends Kind> = {
  target?: Target
  outcome?: Outcome
  measured?: Partial<Measured[K]>
  warns?: [WarningCode, string?][]
}

const build = <K extends Kind>(kind: K, but: But<K>): Result<K> => ({
  kind,
  target: but.target ?? target,
  startedAt,
  outcome: but.outcome ?? { kind: 'ok' },
  phasesMs: {},
  measured: { ...healthy[kind], ...but.measured },
  warnings: (but.warns ?? []).map(([code, detail]) => ({ code, detail: detail ?? `warned of ${code}` })),
  violations: [],
})

export const dns = (but: But<'dns'> = {}): Result<'dns'> => build('dns', but)
export const icmp = (but: But<'icmp'> = {}): Result<'icmp'> => build('icmp', but)
export const mtu = (but: But<'mtu'> = {}): Result<'mtu'> => build('mtu', but)
export const udp = (but: But<'udp'> = {}): Result<'udp'> => build('udp', but)
export const trace = (but: But<'trace'> = {}): Result<'trace'> => build('trace', but)
export const tcp = (but: But<'tcp'> = {}): Result<'tcp'> => build('tcp', but)
export const tls = (but: But<'tls'> = {}): Result<'tls'> => build('tls', but)

/** A healthy run of the whole ladder, with the steps given in place of its own. */
export const ladder = (...steps: AnyResult[]): AnyResult[] => {
  const all: AnyResult[] = [dns(), icmp(), mtu(), tcp(), tls()]
  return all.map(result => steps.find(({ kind }) => kind === result.kind) ?? result)
}

export const hole = (pathMtu: number | null, but: Partial<PathMtu> = {}): PathMtu => ({
  ...path,
  pathMtu,
  method: 'mss_sweep',
  atLeast: false,
  blackHole: true,
  ...but,
})
export const fits = (pathMtu: number, but: Partial<PathMtu> = {}): PathMtu => ({ ...path, pathMtu, ...but })

export const silent = (): Result<'icmp'> =>
  icmp({ outcome: fail('no_reply'), measured: { received: 0, lossRatio: 1, rttMs: null, ttl: null } })
export const lossy = (lossRatio: number, but: But<'icmp'> = {}): Result<'icmp'> =>
  icmp({ ...but, measured: { sent: 100, received: Math.round(100 * (1 - lossRatio)), lossRatio, ...but.measured } })

export const stall = (but: Partial<TlsStall> = {}): TlsStall => ({
  direction: 'reverse',
  flight: 'server_flight',
  bytesAcked: 1700,
  bytesReceived: 0,
  retransmits: 0,
  unacked: 0,
  outOfOrder: 2,
  sndMss: 1448,
  ...but,
})
export const stalled = (but: Partial<TlsStall> = {}): Result<'tls'> =>
  tls({ outcome: fail('tls_stalled'), measured: { stall: stall(but), bytesReceived: but.bytesReceived ?? 0, verified: false } })

export const step = (hello: LadderStep['hello'], bytes: number, completed: boolean, but: Partial<LadderStep> = {}): LadderStep => ({
  hello,
  bytes,
  packets: Math.ceil(bytes / 1448),
  completed,
  end: completed ? 'completed' : 'stalled',
  detail: '',
  ...but,
})

export const certificate = (but: Partial<CertificateFacts> = {}): CertificateFacts => ({
  subject: 'CN=payments.azure.example',
  issuer: 'CN=Example Issuing CA',
  notBefore: '2026-09-01T00:00:00.000Z',
  notAfter: '2026-12-01T00:00:00.000Z',
  sans: ['payments.azure.example'],
  serial: '01',
  fingerprint256: 'AB:CD',
  ...but,
})

/** The time that many minutes after (or before) the run. */
export const inMinutes = (minutes: number): string => new Date(Date.parse(startedAt) + minutes * 60_000).toISOString()

/** TLS that came as far as the certificates and refused them. */
export const refused = (reason: FailReason, chain: CertificateFacts[], detail?: string): Result<'tls'> =>
  tls({ outcome: fail(reason, detail), measured: { chain, verified: false } })

/** The builders by kind. */
export const mtls = (but: But<'mtls'> = {}): Result<'mtls'> => build('mtls', but)
export const bundle = (but: But<'bundle'> = {}): Result<'bundle'> => build('bundle', but)
export const http = (but: But<'http'> = {}): Result<'http'> => build('http', but)
export const federation = (but: But<'federation'> = {}): Result<'federation'> => build('federation', but)
export const builders = { dns, icmp, trace, udp, mtu, tcp, tls, mtls, bundle, http, federation }
