import { Secret } from '../../probes/identity/secret.ts'
import { bad, good, type Parsed, quote } from '../../wire/values.ts'
import { defaultTimeoutMs, type Endpoint, type Protocol, type Signal, type SignalSettings, signals } from './endpoint.ts'

const prefix = 'OTEL_EXPORTER_OTLP_'

/**
 * The endpoint that OpenTelemetry's standard variables describe ("OpenTelemetry Protocol Exporter" of its specification): none unless one of the
 * addresses is set. An address for one signal is taken as it is; the general one gets `/v1/…` added. What is said of one
 * signal wins over what is said of all. A signal whose exporter is another one than `otlp` (OTEL_TRACES_EXPORTER) is not sent. Gives every problem at once. Pure.
 */
export const parseOtelEnvironment = (environment: Readonly<Record<string, string | undefined>>): Parsed<Endpoint | undefined> => {
  const problems: string[] = []
  // An empty variable is as good as none (specification, "Environment Variable Specification").
  const get = (name: string): string | undefined => environment[prefix + name]?.trim() || undefined
  const take = <T>(name: string, parse: (text: string) => Parsed<T>): T | undefined => {
    const text = get(name)
    const parsed = text === undefined ? undefined : parse(text)
    if (parsed?.ok === false) problems.push(...parsed.problems.map(problem => `${prefix}${name}: ${problem}`))
    return parsed?.ok ? parsed.value : undefined
  }
  const url = take('ENDPOINT', parseUrl)
  const urls = signals.map(signal => [signal, take(`${upper(signal)}ENDPOINT`, parseUrl)] as const).filter(isGiven)
  const settings = (signal: '' | Upper): SignalSettings =>
    known({
      protocol: take(`${signal}PROTOCOL`, parseProtocol),
      compression: take(`${signal}COMPRESSION`, parseCompression),
      headers: take(`${signal}HEADERS`, parseHeaders),
      timeoutMs: take(`${signal}TIMEOUT`, parseTimeoutMs),
      ...filesOf(name => get(signal + name), problems, prefix + signal),
    })
  const parts = { protocol: 'protobuf', compression: 'none', headers: {}, timeoutMs: defaultTimeoutMs, ...settings('') } as const
  const signalSettings = Object.fromEntries(signals.map(signal => [signal, settings(upper(signal))]))
  const signalUrls: Partial<Record<Signal, string>> = Object.fromEntries(urls)
  const wanted = signals.filter(signal => isExported(environment, signal))
  const taken = wanted.filter(signal => url !== undefined || signalUrls[signal] !== undefined)
  // One without the other is an oversight; traces are extra.
  for (const [one, other] of [
    ['metrics', 'logs'],
    ['logs', 'metrics'],
  ] as const)
    if (taken.includes(one) && wanted.includes(other) && !taken.includes(other))
      problems.push(`${prefix}${upper(other)}ENDPOINT: missing, and there is no ${prefix}ENDPOINT`)
  if (problems.length > 0) return bad(...problems)
  const base = url ?? taken.map(signal => signalUrls[signal]).find(one => one !== undefined)
  if (base === undefined || taken.length === 0) return good(undefined)
  const fixed = { name: 'otel', url: base, signals: taken, signalUrls, signalSettings, order: 'oldest', concurrency: 1 } as const
  return good(Object.freeze({ ...fixed, ...parts } satisfies Endpoint))
}

type Upper = `${Uppercase<Signal>}_`
const upper = (signal: Signal): Upper => `${signal.toUpperCase() as Uppercase<Signal>}_`

const isGiven = <T>(pair: readonly [Signal, T | undefined]): pair is readonly [Signal, T] => pair[1] !== undefined

/** OTEL_METRICS_EXPORTER and its like: a list, `otlp` where it is not set (specification, "Exporter Selection"). */
const isExported = (environment: Readonly<Record<string, string | undefined>>, signal: Signal): boolean => {
  const chosen = environment[`OTEL_${upper(signal)}EXPORTER`]?.trim() || 'otlp'
  return chosen.split(',').some(one => one.trim() === 'otlp')
}

const known = (settings: SignalSettings): SignalSettings =>
  Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined))

const filesOf = (
  get: (name: string) => string | undefined,
  problems: string[],
  before: string,
): Pick<Endpoint, 'caFile' | 'certFile' | 'keyFile'> => {
  const [caFile, certFile, keyFile] = ['CERTIFICATE', 'CLIENT_CERTIFICATE', 'CLIENT_KEY'].map(get)
  if (keyFile && !certFile) problems.push(`${before}CLIENT_KEY: a key without ${before}CLIENT_CERTIFICATE`)
  return { ...(caFile ? { caFile } : {}), ...(certFile ? { certFile } : {}), ...(keyFile ? { keyFile } : {}) }
}

/** Never repeats the text: it may hold a password. */
export const parseUrl = (text: string): Parsed<string> => {
  const url = URL.parse(text)
  if (!url || !['http:', 'https:'].includes(url.protocol)) return bad('not an http:// or https:// URL')
  if (url.username || url.password) return bad('a user name or password in the URL, want them in a header')
  return good(text)
}

const parseProtocol = (text: string): Parsed<Protocol> => {
  if (text === 'http/protobuf') return good('protobuf')
  if (text === 'http/json') return good('json')
  return bad(`${quote(text)}, want http/protobuf or http/json`)
}

const parseCompression = (text: string): Parsed<Endpoint['compression']> =>
  text === 'gzip' || text === 'none' ? good(text) : bad(`${quote(text)}, want gzip or none`)

const parseTimeoutMs = (text: string): Parsed<number> =>
  /^[1-9]\d{0,6}$/.test(text) ? good(Number(text)) : bad(`${quote(text)}, want milliseconds from 1`)

/** `name=value,name=value`, values percent-encoded (W3C Baggage without properties). Values are never repeated. */
const parseHeaders = (text: string): Parsed<Record<string, Secret>> => {
  const headers: Record<string, Secret> = {}
  const problems: string[] = []
  for (const [i, pair] of text.split(',').entries()) {
    if (pair.trim() === '') continue
    const [, name, encoded] = /^\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*(.*?)\s*$/.exec(pair) ?? []
    const value = encoded === undefined ? undefined : decode(encoded)
    if (name === undefined) problems.push(`header ${i + 1} is not of the form name=value`)
    else if (value === undefined) problems.push(`the value of ${name} is not percent-encoded text for a header`)
    else headers[name.toLowerCase()] = new Secret(value)
  }
  return problems.length > 0 ? bad(...problems) : good(headers)
}

const decode = (text: string): string | undefined => {
  try {
    const value = decodeURIComponent(text)
    return /^[\t\x20-\x7e\x80-\xff]*$/.test(value) ? value : undefined
  } catch {
    return undefined
  }
}
