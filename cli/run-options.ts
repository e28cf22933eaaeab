/** From the words of `probe run` to what is to be done, or to every problem with them at once. Nothing is sent here. */
import { isIP } from 'node:net'
import { type Options, withDefaults } from '../wire/options.ts'
import { type Family, type Kind, kinds } from '../wire/result.ts'
import { type AskedTarget, parseTarget } from '../wire/target.ts'
import { bad, good, type Parsed } from '../wire/values.ts'
import { type FederationOptions, readFederationFlags } from './federation-flags.ts'
import type { Output } from './flags.ts'
import { readHttpFlags } from './http-flags.ts'
import { familyProblems } from './local-family.ts'
import type { PemFiles } from './pem.ts'
import {
  type Lists,
  type Numbers,
  parseFamily,
  parseLists,
  parseNumbers,
  parseOutput,
  protocolProblems,
  sniProblems,
  sourceProblems,
} from './run-values.ts'
import { belongProblems, type Given, sortFlags, type Words } from './run-words.ts'
import { readSpiffeFlags, type SpiffeOptions } from './spiffe-flags.ts'

/** Everything that `probe run` was asked for. `options` hold for every target. */
export type RunPlan = {
  targets: AskedTarget[]
  family?: Family
  /** The ladder ends with mutual TLS. */
  mutual: boolean
  options: Options
  output: Output
  evidence?: string
  /** The options as typed, for commands that ask the same again. */
  given: Given
}

/** Kinds that a target is probed with, besides the look-up of its name. Without a port there is nothing to connect to. */
export const stepsOfTarget = ({ kind, port }: AskedTarget, mutual: boolean): Kind[] =>
  kind ? [kind] : port === undefined ? ['icmp', 'mtu'] : ['icmp', 'mtu', 'tcp', 'tls', ...(mutual ? ['mtls' as const] : [])]

/** With the look-up of a name. */
export const kindsOfTarget = (target: AskedTarget, mutual: boolean): Kind[] => [
  ...(target.family === undefined && target.kind !== 'federation' ? ['dns' as const] : []),
  ...stepsOfTarget(target, mutual),
]

/** An identity or an expectation: then the ladder ends with mutual TLS. */
const isMutual = (given: Given): boolean =>
  Boolean(given.cert ?? given['workload-api'] ?? given.bundle ?? given['expect-id'] ?? given['trust-domain'])

/** Reads all words; every problem is one line that names the word and the remedy. */
export const parseRunWords = async (
  words: Words,
  hostFamilies: readonly Family[],
  environment: Record<string, string | undefined> = {},
): Promise<Parsed<RunPlan>> => {
  const problems: string[] = []
  const keep = <T>(parsed: Parsed<T>): T | undefined => {
    if (parsed.ok) return parsed.value
    problems.push(...parsed.problems)
    return undefined
  }
  if (!words.targets.length) problems.push('no target, want host, host:port or kind://host:port')
  const targets = words.targets.map(text => keep(parseTarget(text))).filter(target => target !== undefined)
  const { given, problems: flagProblems } = sortFlags(words.flags)
  problems.push(...flagProblems)
  const used =
    targets.length === words.targets.length ? new Set(targets.flatMap(target => kindsOfTarget(target, isMutual(given)))) : new Set(kinds)
  problems.push(...belongProblems(given, used, targets))
  const output = keep(parseOutput(given.output?.[0]))
  const family = keep(parseFamily(given.family?.[0]))
  const lists = keep(parseLists(given))
  const numbers = keep(parseNumbers(given, used))
  const pem = keep(await readPem({ ca: given.ca?.[0], cert: given.cert?.[0], key: given.key?.[0] }))
  problems.push(...sourceProblems(given.source?.[0], family), ...protocolProblems(given.protocol?.[0]), ...sniProblems(given.sni?.[0]))
  const source = given.source?.[0]
  const wanted = family ?? (source && isIP(source) ? (isIP(source) as Family) : undefined)
  const spiffe = keep(await readSpiffeFlags(given, environment))
  const http = keep(readHttpFlags(given))
  const federated = keep(readFederationFlags(given, environment))
  problems.push(...familyProblems(targets, { family, source }, hostFamilies))
  if (problems.length || !numbers || !lists || !pem || !spiffe || !http || !federated || !output) return bad(...problems)

  const options = optionsOf(given, { wanted, numbers, lists, pem, spiffe, http, federated })
  return good({
    targets,
    family: wanted,
    mutual: isMutual(given),
    options: {
      ...options,
      icmp: withTimeToFinish(options.icmp),
      trace: withTimeToTrace(options.trace),
      udp: withTimeToFinish(options.udp),
    },
    output,
    evidence: given.evidence?.[0],
    given,
  })
}

/** Loads what reads certificates only where there are any. */
const readPem = async (files: PemFiles): Promise<Parsed<PemFiles>> =>
  Object.values(files).some(path => path !== undefined) ? (await import('./pem.ts')).readPemFiles(files) : good({})

/** Packets take as long as their number and interval say; the run's own limit must not cut them. Around udp's are a hello and a query. */
const withTimeToFinish = <T extends Options['icmp'] | Options['udp']>(options: T): T => {
  const around = 'flows' in options ? 2 * options.replyTimeoutMs : 0
  const neededMs = Math.ceil((options.count - 1) * options.intervalMs + options.replyTimeoutMs + around) + 1000
  return { ...options, timeoutMs: Math.min(Math.max(options.timeoutMs, neededMs), 86_400_000) }
}

/** Hop after hop by TCP, a window of them at once otherwise (probes/trace-flow.ts): each may take as long as an answer may. */
const hopsAtOnce = 16
const withTimeToTrace = (options: Options['trace']): Options['trace'] => {
  const { flows, queries, maxHops, intervalMs, replyTimeoutMs } = options
  const neededMs = Math.ceil(flows * queries * maxHops * intervalMs + (6 + Math.ceil(maxHops / hopsAtOnce)) * replyTimeoutMs) + 3000
  return { ...options, timeoutMs: Math.min(Math.max(options.timeoutMs, neededMs), 120_000) }
}

type Read = {
  wanted: Family | undefined
  numbers: Numbers
  lists: Lists
  pem: PemFiles
  spiffe: SpiffeOptions
  http: Partial<Options['http']>
  federated: FederationOptions
}

/** What was read, as the options of every kind. */
const optionsOf = (given: Given, { wanted, numbers, lists, pem, spiffe, http, federated }: Read): Options => {
  const source = given.source?.[0]
  const sni = given.sni?.[0]?.toLowerCase()
  const protocol = given.protocol?.[0] as Options['trace']['protocol'] | undefined
  return {
    bundle: withDefaults('bundle', { ...numbers.bundle, ...spiffe.bundle, ca: pem.ca, source, sni }),
    mtls: withDefaults('mtls', {
      ...numbers.mtls,
      ...spiffe.mtls,
      certFile: given.cert?.[0],
      keyFile: given.key?.[0],
      caFile: given.ca?.[0],
      negative: given.negative !== undefined,
      sniPair: given['sni-pair'] !== undefined,
      source,
      sni,
      alpn: lists.alpn,
    }),
    dns: withDefaults('dns', { ...numbers.dns, family: wanted, resolvers: lists.resolvers, expect: lists.expect }),
    federation: withDefaults('federation', { ...numbers.federation, ...federated.federation, caFile: given.ca?.[0], source }),
    http: withDefaults('http', { ...numbers.http, ...http, ...federated.http, ...pem, source, sni, alpn: lists.alpn }),
    icmp: withDefaults('icmp', { ...numbers.icmp, source }),
    mtu: withDefaults('mtu', { ...numbers.mtu, source, sni, alpn: lists.alpn }),
    tcp: withDefaults('tcp', { ...numbers.tcp, source, expectAgent: given['expect-agent']?.[0] }),
    trace: withDefaults('trace', { ...numbers.trace, source, protocol }),
    udp: withDefaults('udp', { ...numbers.udp, source, expectAgent: given['expect-agent']?.[0] }),
    tls: withDefaults('tls', { ...numbers.tls, ...pem, source, sni, alpn: lists.alpn, ladder: !given['no-ladder'] }),
  }
}
