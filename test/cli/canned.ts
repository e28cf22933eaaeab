/** Results as the probes bring them, and a world for a command to run in: what the tests of this room share. */
import type { Io, StopSignal } from '../../cli/io.ts'
import type { RunEngine } from '../../cli/run.ts'
import { diagnose } from '../../judge/diagnose/diagnose.ts'
import { exitCodeOf, settle, verdictOf } from '../../judge/diagnose/verdict.ts'
import type { Measured, PathMtu } from '../../wire/measured.ts'
import type { AnyResult, Kind, Result, Target } from '../../wire/result.ts'
import { healthy, healthyPath } from '../wire/healthy.ts'

export const startedAt = '2026-11-21T20:00:00.000Z'
const target: Target = { host: 'payments.azure.example', port: 15443, address: '10.2.0.2', family: 4 }
const path: PathMtu = { ...healthyPath, method: 'mss_sweep' }

/** In this room every number that is printed is one that no other line has. */
const seen: Measured = {
  ...healthy,
  dns: { ...healthy.dns, resolver: '127.0.0.53', addresses: ['10.2.0.2'], latencyMs: 3.1 },
  icmp: { ...healthy.icmp, rttMs: { min: 35, p50: 35.2, p95: 36, p99: 36.1, max: 36.2, stddev: 0.3 }, jitterMs: 0.2, ttl: 62 },
  mtu: { ...healthy.mtu, endpoint: '10.2.0.2:15443', forward: path, reverse: path },
  tcp: { ...healthy.tcp, synRttMs: 35.1, mssForward: 1460, mssReverse: 1460, retransmits: null, segmentsOut: null, retransmitRatio: null },
  tls: {
    ...healthy.tls,
    cipher: 'TLS_AES_256_GCM_SHA384',
    alpn: 'h2',
    bytesSent: 1900,
    bytesReceived: 3200,
    chain: [
      {
        subject: 'CN=payments.azure.example',
        issuer: 'CN=Example CA',
        notBefore: '2026-10-01T00:00:00.000Z',
        notAfter: '2027-01-01T00:00:00.000Z',
        sans: ['DNS:payments.azure.example'],
        serial: '01',
        fingerprint256: 'AB:CD',
      },
    ],
  },
}

/** A result of one kind: healthy but for what is given. */
export const result = <K extends Kind>(kind: K, measured: Partial<Measured[K]> = {}, rest: Partial<Result<K>> = {}): Result<K> => ({
  kind,
  target,
  startedAt,
  outcome: { kind: 'ok' },
  phasesMs: { total: 40 },
  measured: { ...seen[kind], ...measured },
  warnings: [],
  violations: [],
  ...rest,
})

export type Canned = { [K in Kind]?: Result<K> }

const hole = { blackHole: true, atLeast: false, signal: 'none', tcpPacket: 1500 } as const
const stall = {
  direction: 'forward',
  flight: 'client_hello',
  bytesAcked: 0,
  bytesReceived: 0,
  retransmits: 5,
  unacked: 2,
  outOfOrder: 0,
  sndMss: 1460,
} as const

/** The incident that this program exists for. */
export const blackHole: Canned = {
  mtu: result(
    'mtu',
    {
      forward: { ...path, ...hole, pathMtu: 1420, method: 'icmp' },
      reverse: { ...path, ...hole, pathMtu: 1380 },
      recommendedMss: 1340,
      echoMtu: 1380,
    },
    { outcome: { kind: 'fail', reason: 'mtu_black_hole', detail: 'no packet-too-big came back' } },
  ),
  tls: result(
    'tls',
    { version: null, cipher: null, alpn: null, handshakeMs: null, bytesReceived: 0, chain: [], verified: false, stall },
    {
      outcome: {
        kind: 'fail',
        reason: 'tls_stalled',
        detail: 'ClientHello of 1900 bytes sent 5 times, 0 bytes acknowledged, want a ServerHello',
      },
    },
  ),
}

export type Call = { kind: Kind; target: Target; options: Record<string, unknown> }

/** An engine that answers with canned results, after `wait` if that is given. Everything else is the real judge. */
export const engineOf = (
  canned: Canned = {},
  { calls = [], wait }: { calls?: Call[]; wait?: (kind: Kind, stop: AbortSignal) => Promise<unknown> } = {},
): RunEngine => ({
  settle,
  diagnose,
  verdictOf,
  exitCodeOf,
  runProbe: async <K extends Kind>(kind: K, to: Target, options: object, stop: AbortSignal) => {
    calls.push({ kind, target: to, options: { ...options } })
    await wait?.(kind, stop)
    const found = { ...(canned[kind] ?? result(kind)), target: to } as unknown as Result<K>
    return stop.aborted ? { ...found, outcome: { kind: 'unmeasured', reason: 'aborted', detail: 'stopped before it finished' } } : found
  },
})

export type World = Io & { out: () => string; err: () => string; send: (signal: StopSignal) => void; exits: number[] }

/** Streams that remember, clocks that stand still, signals by hand. */
export const worldOf = (
  env: Io['env'] = { LANG: 'C.UTF-8' },
  terminal: { isTTY?: boolean; columns?: number } = {},
  written: (text: string) => void = () => {},
): World => {
  let [out, err] = ['', '']
  const listeners = new Set<(signal: StopSignal) => void>()
  const exits: number[] = []
  return {
    stdout: {
      ...terminal,
      write: text => {
        out += text
        written(text)
      },
    },
    stderr: { write: text => (err += text) },
    env,
    now: () => new Date(startedAt),
    elapsedMs: () => 0,
    onStop: listener => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    exit: code => exits.push(code),
    out: () => out,
    err: () => err,
    send: signal => {
      for (const listener of listeners) listener(signal)
    },
    exits,
  }
}

export const all = (canned: Canned = {}): AnyResult[] =>
  (['dns', 'icmp', 'mtu', 'tcp', 'tls'] as const).map(kind => (canned[kind] ?? result(kind)) as AnyResult)
