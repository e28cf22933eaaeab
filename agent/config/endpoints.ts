/** Where results go: the file's `export`, `--export`, and OpenTelemetry's own variables. */
import { Secret } from '../../probes/identity/secret.ts'
import { parseDurationMs, quote } from '../../wire/values.ts'
import { defaultTimeoutMs, type Endpoint } from '../send/endpoint.ts'
import { parseOtelEnvironment } from '../send/environment.ts'
import type { Environment } from './layers.ts'
import type { EndpointFile, SecretFile } from './schema.ts'

type Sources = { exports: readonly string[]; environment: Environment; readFile: (path: string) => string }
type Note = (path: readonly (string | number)[], message: string) => void

/** All endpoints, named; a name stands for what has been delivered to it, so two may not share one. */
export const readEndpoints = (given: readonly EndpointFile[], sources: Sources, note: Note): readonly Endpoint[] => {
  const fromFile = given.map((one, i) => readEndpoint(one, sources, (path, message) => note(['export', i, ...path], message)))
  const fromFlags = sources.exports.map(url => readEndpoint({ url }, sources, (_path, message) => note([], `--export ${url}: ${message}`)))
  const fromEnvironment = parseOtelEnvironment(sources.environment)
  if (!fromEnvironment.ok) for (const problem of fromEnvironment.problems) note([], problem)
  const all = [...fromFile, ...fromFlags, ...(fromEnvironment.ok && fromEnvironment.value ? [fromEnvironment.value] : [])]
  for (const [i, { name }] of all.entries())
    if (all.findIndex(other => other.name === name) < i) note(['export', i], `a second endpoint ${quote(name)}, give each its own name`)
  return Object.freeze(all)
}

const readEndpoint = (given: EndpointFile, sources: Sources, note: Note): Endpoint => {
  const { url, timeout, headers = {}, svid = false, cert, key, ca } = given
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (!parsed || !/^https?:$/.test(parsed.protocol)) note(['url'], `got ${quote(url)}, want one like https://collector.example:4318`)
  if (parsed?.username || parsed?.password)
    note(['url'], 'has a user or password in it: put them into headers, as { env: NAME } or { file: path }')
  if (parsed?.search || parsed?.hash) note(['url'], 'has a query: want the base, /v1/metrics, /v1/logs and /v1/traces are added')
  if ((cert === undefined) !== (key === undefined))
    note([cert === undefined ? 'cert' : 'key'], 'is missing: certificate and key go together')
  if (svid && cert !== undefined) note(['svid'], 'and cert are two answers to who we are, want one')
  const duration = timeout === undefined ? undefined : parseDurationMs(timeout)
  if (duration && (!duration.ok || duration.value < 100 || duration.value > 300_000))
    note(['timeout'], `got ${quote(timeout!)}, want 100ms to 5m`)
  return Object.freeze({
    name: given.name ?? parsed?.host ?? url,
    url,
    ...(given.signals ? { signals: Object.freeze([...given.signals]) } : {}),
    protocol: given.encoding ?? 'protobuf',
    compression: given.compression ?? 'gzip',
    headers: readHeaders(headers as Record<string, SecretFile>, sources, note),
    timeoutMs: duration?.ok ? duration.value : defaultTimeoutMs,
    order: given.order ?? 'oldest',
    ...(ca === undefined ? {} : { caFile: ca }),
    ...(cert === undefined ? {} : { certFile: cert, keyFile: key }),
    svid,
    concurrency: 1,
  })
}

const readHeaders = (headers: Record<string, SecretFile>, sources: Sources, note: Note): Readonly<Record<string, Secret>> => {
  const read: Record<string, Secret> = {}
  for (const [name, given] of Object.entries(headers)) {
    const complain = (message: string): void => note(['headers', name], message)
    if (!/^[!#$%&'*+.^_`|~\w-]+$/.test(name)) complain('is no header name (RFC 9110 §5.1)')
    const text = revealed(given, sources, complain)
    // Never the value: it may be a secret.
    if (text !== undefined && /[^\t\x20-\x7e]/.test(text))
      complain('the value has characters that no header may have, a line break perhaps')
    else if (text !== undefined) read[name.toLowerCase()] = new Secret(text)
  }
  return Object.freeze(read)
}

/** The text that a reference to a secret stands for; undefined, and said, when there is none. */
export const revealed = (
  given: SecretFile,
  { environment, readFile }: Pick<Sources, 'environment' | 'readFile'>,
  complain: (message: string) => void,
): string | undefined => {
  if (typeof given === 'string') return given
  if ('env' in given) {
    const value = environment[given.env]
    if (value === undefined) complain(`the variable ${given.env} is not set`)
    return value
  }
  try {
    return readFile(given.file).trimEnd()
  } catch (error) {
    complain(`${given.file}: cannot be read (${(error as NodeJS.ErrnoException).code})`)
    return undefined
  }
}
