import type { Secret } from '../../probes/identity/secret.ts'
import type { Order, RecordKind } from '../spool/record.ts'

export const protocols = ['protobuf', 'json'] as const
export type Protocol = (typeof protocols)[number]
export const signals = ['metrics', 'logs', 'traces'] as const
export type Signal = (typeof signals)[number]
/** What becomes of each kind of record. */
export const signalOf = { windows: 'metrics', events: 'logs', spans: 'traces' } as const satisfies Record<RecordKind, Signal>

/** Somewhere that takes OTLP over HTTP. Frozen; made by configuration. */
export type Endpoint = {
  /** Its cursor and ledger in the spool go by this. */
  readonly name: string
  /** `/v1/metrics`, `/v1/logs` and `/v1/traces` are added to it. No credentials in it: they belong in `headers`. */
  readonly url: string
  /** Complete addresses that stand for `url` and the path (OTEL_EXPORTER_OTLP_METRICS_ENDPOINT). */
  readonly signalUrls?: Readonly<Partial<Record<Signal, string>>>
  /** What is different for one signal (OTEL_EXPORTER_OTLP_LOGS_HEADERS and the like). */
  readonly signalSettings?: Readonly<Partial<Record<Signal, SignalSettings>>>
  /** What it takes: everything unless given. */
  readonly signals?: readonly Signal[]
  readonly protocol: Protocol
  readonly compression: 'gzip' | 'none'
  readonly headers: Readonly<Record<string, Secret>>
  /** The token of `authorization: Bearer`, asked for before each request since it is renewed. Nothing is sent before there is one; undefined when `signal` ends the wait. */
  readonly bearer?: (signal: AbortSignal) => Promise<Secret | undefined>
  /** This token was not taken. Resolves when there is another, or `signal` ends it. */
  readonly renewed?: (token: Secret, signal: AbortSignal) => Promise<void>
  /** For one request, from the dial to the last byte of the answer. */
  readonly timeoutMs: number
  readonly caFile?: string
  /** PEM of whom to trust where no file says so, asked for before each request; undefined: the public ones. */
  readonly authorities?: () => Promise<string | undefined>
  readonly certFile?: string
  readonly keyFile?: string
  /** Present the agent's SVID; the files come first. */
  readonly svid?: boolean
  /** After an outage: what is now first, or in the order of time. */
  readonly order: Order
  /** Requests at a time. More than one does not keep the order. */
  readonly concurrency: number
}

export type SignalSettings = Partial<
  Pick<Endpoint, 'protocol' | 'compression' | 'headers' | 'timeoutMs' | 'caFile' | 'certFile' | 'keyFile'>
>

/** The endpoint as it is for a signal, at the address of that. */
export const forSignal = (endpoint: Endpoint, signal: Signal): Endpoint => ({
  ...endpoint,
  ...endpoint.signalSettings?.[signal],
  url: urlOf(endpoint, signal),
})

export const defaultTimeoutMs = 10_000

/** The address of a signal: the OTLP/HTTP specification appends the path to the base, whatever path that has. */
export const urlOf = ({ url, signalUrls }: Endpoint, signal: Signal): string =>
  signalUrls?.[signal] ?? `${url.replace(/\/+$/, '')}/v1/${signal}`

/** For messages and metrics: without query or fragment, where people put tokens. */
export const shownUrl = (url: string): string => {
  const { protocol, host, pathname } = new URL(url)
  return `${protocol}//${host}${pathname}`
}
