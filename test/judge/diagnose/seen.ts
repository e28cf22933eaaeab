/** Results to diagnose: each builder gives a healthy one; `but` changes what the story needs. */
import type { CertificateFacts, LadderStep, Measured, PathMtu, TlsStall } from '../../../wire/measured.ts'
import type { FailReason, UnmeasuredReason, WarningCode } from '../../../wire/reasons.ts'
import type { AnyResult, Kind, Outcome, Result, Target } from '../../../wire/result.ts'

export const startedAt = '2026-11-21T20:00:00.000Z'
export const target: Target = { host: 'payments.azure.example', port: 15443, address: '10.20.0.5', family: 4 }
export const target6: Target = { host: 'payments.azure.example', port: 15443, address: 'fd00::5', family: 6 }

export const fail = (reason: FailReason, detail = `saw ${reason}`): Outcome => ({ kind: 'fail', reason, detail })
export const unmeasured = (reason: UnmeasuredReason, detail = `saw ${reason}`): Outcome => ({ kind: 'unmeasured', reason, detail })

const path: PathMtu = {
  pathMtu: 1500,
  method: 'icmp',
  signal: 'none',
  atLeast: true,
  tcpPacket: 1500,
  blackHole: false,
  clamped: false,
}

const healthy: Measured = {
  dns: { name: target.host, recordType: 'A', resolver: '10.0.0.2', addresses: ['10.20.0.5'], latencyMs: 3, answers: [] },
  icmp: {
    sent: 5,
    received: 5,
    lossRatio: 0,
    rttMs: { min: 35, p50: 35.2, p95: 35.8, p99: 35.8, max: 35.8, stddev: 0.2 },
    jitterMs: 0.1,
    duplicates: 0,
    reordered: 0,
    ttl: 60,
    socket: 'datagram',
  },
  udp: {
    sent: 100,
    received: 100,
    lossRatio: 0,
    rttMs: { min: 35, p50: 35.2, p95: 35.8, p99: 35.8, max: 35.8, stddev: 0.2 },
    forward: { sent: 100, received: 100, lossRatio: 0, jitterMs: 0.1, duplicates: 0, reordered: 0 },
    reverse: { sent: 100, received: 100, lossRatio: 0, jitterMs: 0.1, duplicates: 0, reordered: 0 },
    ttl: 60,
    flows: [],
    suppressed: 0,
    responder: null,
  },
  mtu: {
    endpoint: '10.20.0.5:15443',
    forward: path,
    reverse: path,
    localMtu: 1500,
    recommendedMss: null,
    echoMtu: 1500,
    steps: [],
    facts: [],
  },
  tcp: {
    synRttMs: 35.3,
    synRetransmits: 0,
    mssForward: 1448,
    mssReverse: 1448,
    retransmits: 0,
    segmentsOut: 3,
    retransmitRatio: 0,
  },
  tls: {
    version: 'TLSv1.3',
    cipher: 'TLS_AES_128_GCM_SHA256',
    alpn: null,
    sni: target.host,
    handshakeMs: 72,
    bytesSent: 1700,
    bytesReceived: 4700,
    chain: [],
    verified: true,
  },
  mtls: {
    version: 'TLSv1.3',
    cipher: 'TLS_AES_128_GCM_SHA256',
    alpn: null,
    sni: target.host,
    handshakeMs: 72,
    bytesSent: 2400,
    bytesReceived: 3200,
    chain: [],
    verified: true,
    peerId: 'spiffe://azure.example/payments',
    trustDomain: 'azure.example',
    ourId: 'spiffe://aws.example/checkout',
    clientAuth: 'accepted',
    identitySource: 'Workload API at unix:///run/spire/agent.sock',
    expiry: { secondsLeft: 3000, subject: 'CN=payments' },
  },
  http: {
    url: 'https://payments.azure.example:15443/health',
    method: 'GET',
    status: 200,
    protocol: 'HTTP/1.1',
    address: '10.2.0.2',
    rttMs: 35,
    firstByteMs: 40,
    serverMs: 5,
    serverTiming: [{ name: 'db', durationMs: 2 }],
    requestAcked: true,
    retransmits: 0,
    bodyBytes: 20,
    truncated: false,
    contentType: 'text/plain',
    redirects: [],
    tls: null,
    traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    spanId: '00f067aa0ba902b7',
  },
  bundle: {
    url: 'https://spire.azure.example/',
    profile: 'https_web',
    httpStatus: 200,
    contentType: 'application/json',
    trustDomain: 'azure.example',
    endpointId: null,
    sequence: '7',
    refreshHintSeconds: 300,
    bytes: 2000,
    authorities: [],
  },
}

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
export const builders = { dns, icmp, udp, mtu, tcp, tls, mtls, bundle, http }
