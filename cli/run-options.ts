/** From the words of `probe run` to what is to be done, or to every problem with them at once. Nothing is sent here. */
import { isIP } from 'node:net'
import { nearest } from '../wire/near.ts'
import { type Options, withDefaults } from '../wire/options.ts'
import { type Family, type Kind, kinds } from '../wire/result.ts'
import { type AskedTarget, formatTarget, parseHost, parseIpv6, parsePort, parseTarget } from '../wire/target.ts'
import { bad, good, type Parsed, quote } from '../wire/values.ts'
import { type FlagName, flagNames, flagOf, flags, kindsOfFlag, type Output, outputs, schemaOf } from './flags.ts'
import { readHttpFlags } from './http-flags.ts'
import { familyProblems } from './local-family.ts'
import type { PemFiles } from './pem.ts'
import { readSpiffeFlags } from './spiffe-flags.ts'

/** Everything that `probe run` was asked for. `options` hold for every target. */
export type RunPlan = {
  targets: AskedTarget[]
  family?: Family
  /** The ladder ends with mutual TLS. */
  mutual: boolean
  options: Options
  output: Output
  evidence?: string
}

/** The words as yargs took them apart: positional ones, and options, each with all its values (an empty one when none was given). */
export type Words = { targets: string[]; flags: Record<string, string[] | undefined> }

/** Kinds that a target is probed with, besides the look-up of its name. Without a port there is nothing to connect to. */
export const stepsOfTarget = ({ kind, port }: AskedTarget, mutual: boolean): Kind[] =>
  kind ? [kind] : port === undefined ? ['icmp', 'mtu'] : ['icmp', 'mtu', 'tcp', 'tls', ...(mutual ? ['mtls' as const] : [])]

const kindsOfTarget = (target: AskedTarget, mutual: boolean): Kind[] => [
  ...(target.family === undefined ? ['dns' as const] : []),
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
  problems.push(...sourceProblems(given.source?.[0], family), ...sniProblems(given.sni?.[0]))
  const source = given.source?.[0]
  const wanted = family ?? (source && isIP(source) ? (isIP(source) as Family) : undefined)
  const spiffe = keep(await readSpiffeFlags(given, environment))
  const http = keep(readHttpFlags(given))
  problems.push(...familyProblems(targets, { family, source }, hostFamilies))
  if (problems.length || !numbers || !lists || !pem || !spiffe || !http || !output) return bad(...problems)

  const sni = given.sni?.[0]?.toLowerCase()
  const options: Options = {
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
    http: withDefaults('http', { ...numbers.http, ...http, ...pem, source, sni, alpn: lists.alpn }),
    icmp: withDefaults('icmp', { ...numbers.icmp, source }),
    mtu: withDefaults('mtu', { ...numbers.mtu, source, sni, alpn: lists.alpn }),
    tcp: withDefaults('tcp', { ...numbers.tcp, source, expectAgent: given['expect-agent']?.[0] }),
    udp: withDefaults('udp', { ...numbers.udp, source, expectAgent: given['expect-agent']?.[0] }),
    tls: withDefaults('tls', { ...numbers.tls, ...pem, source, sni, alpn: lists.alpn, ladder: !given['no-ladder'] }),
  }
  return good({
    targets,
    family: wanted,
    mutual: isMutual(given),
    options: { ...options, icmp: withTimeToFinish(options.icmp), udp: withTimeToFinish(options.udp) },
    output,
    evidence: given.evidence?.[0],
  })
}

/** Loads what reads certificates only where there are any. */
const readPem = async (files: PemFiles): Promise<Parsed<PemFiles>> =>
  Object.values(files).some(path => path !== undefined) ? (await import('./pem.ts')).readPemFiles(files) : good({})

export type Given = { [F in FlagName]?: string[] }

/** Options that exist and have as many values as they take, and what is wrong with the others. */
const sortFlags = (flagsGiven: Words['flags']): { given: Given; problems: string[] } => {
  const given: Given = {}
  const problems: string[] = []
  for (const [name, values = []] of Object.entries(flagsGiven)) {
    const known = flagNames.find(flag => flag === name)
    if (!known) problems.push(unknownOption(name))
    else if (flagOf(known).value !== '' && values.includes('')) problems.push(`--${name}: needs a value, ${flags[known].value}`)
    else if (values.length > 1 && !flagOf(known).repeatable) problems.push(`--${name}: given ${values.length} times, want it once`)
    else given[known] = values
  }
  return { given, problems }
}

const unknownOption = (name: string) => {
  const near = nearest(name, flagNames)
  return `${name.length > 1 ? '--' : '-'}${name}: unknown option, ${near ? `did you mean --${near}?` : 'see probe run --help'}`
}

/** An option of kinds that no target is probed with. */
const belongProblems = (given: Given, used: ReadonlySet<Kind>, targets: AskedTarget[]) =>
  (Object.keys(given) as FlagName[]).flatMap(name => {
    const owners = kindsOfFlag(name)
    if (!owners.length || owners.some(kind => used.has(kind)) || name === 'family') return []
    return [`--${name}: belongs to ${owners.join(', ')} and not to ${targets.map(formatTarget).join(' ')}`]
  })

const parseOutput = (text: string = 'human'): Parsed<Output> => {
  const output = outputs.find(one => one === text)
  return output ? good(output) : bad(`--output: got ${quote(text)}, want one of ${outputs.join(', ')}`)
}

const parseFamily = (text?: string): Parsed<Family | undefined> =>
  text === undefined
    ? good(undefined)
    : text === '4' || text === '6'
      ? good(Number(text) as Family)
      : bad(`--family: got ${quote(text)}, want 4 or 6`)

const parseLists = (given: Given): Parsed<{ resolvers: string[]; expect: string[]; alpn: string[] }> => {
  const alpn = (given.alpn ?? []).flatMap(text => text.split(','))
  const problems = [
    ...(given.resolver ?? [])
      .filter(text => !isResolver(text))
      .map(text => `--resolver: got ${quote(text)}, want an address, address:port or [IPv6]:port`),
    ...(given['expect-address'] ?? [])
      .filter(text => !isPrefix(text))
      .map(text => `--expect-address: got ${quote(text)}, want an address or a prefix such as 10.0.0.0/8`),
    // One byte of length (RFC 7301 §3.1).
    ...alpn
      .filter(name => name === '' || Buffer.byteLength(name) > 255)
      .map(name => `--alpn: got ${quote(name)}, want names of 1 to 255 bytes with commas between them`),
  ]
  return problems.length ? bad(...problems) : good({ resolvers: given.resolver ?? [], expect: given['expect-address'] ?? [], alpn })
}

const isResolver = (text: string) => {
  if (isIP(text)) return true
  const [, inner, host, port] = /^(?:\[(.*)\]|([^:]*))(?::(.*))?$/.exec(text) ?? []
  const address = inner === undefined ? isIP(host ?? '') === 4 : parseIpv6(inner).ok
  return address && (port === undefined || parsePort(port).ok)
}

const isPrefix = (text: string) => {
  const [address = '', length, ...more] = text.split('/')
  const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address)]!
  return !more.length && bits > 0 && (length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= bits))
}

type Numbers = { [K in Kind]?: Record<string, number> }

/** Numbers within what the schemas of all kinds in use allow. */
const parseNumbers = (given: Given, used: ReadonlySet<Kind>): Parsed<Numbers> => {
  const numbers: Numbers = {}
  const problems: string[] = []
  for (const name of Object.keys(given) as FlagName[]) {
    const { number, into } = flagOf(name)
    if (!number) continue
    const value = number.parse(given[name]![0]!)
    if (!value.ok) {
      problems.push(...value.problems.map(problem => `--${name}: ${problem}`))
      continue
    }
    const schemas = kindsOfFlag(name)
      .filter(kind => used.has(kind))
      .map(kind => schemaOf(kind, into[kind]!))
    const least = Math.max(...schemas.map(schema => schema.minimum ?? Number.NEGATIVE_INFINITY))
    const most = Math.min(...schemas.map(schema => schema.maximum ?? Number.POSITIVE_INFINITY))
    const whole = schemas.some(schema => schema.type === 'integer') && !Number.isInteger(value.value)
    if (value.value < least || value.value > most) {
      problems.push(`--${name}: got ${given[name]![0]}, want ${number.show(least)} to ${number.show(most)}`)
    } else if (whole) problems.push(`--${name}: got ${given[name]![0]}, want a whole number${name === 'timeout' ? ' of milliseconds' : ''}`)
    for (const kind of kindsOfFlag(name)) numbers[kind] = { ...numbers[kind], [into[kind]!]: value.value }
  }
  return problems.length ? bad(...problems) : good(numbers)
}

const sourceProblems = (source: string | undefined, family: Family | undefined) => {
  if (source === undefined) return []
  if (!isIP(source)) return [`--source: got ${quote(source)}, want an address of this machine`]
  return family && isIP(source) !== family ? [`--source: ${source} is IPv${isIP(source)}, and --family is ${family}`] : []
}

const sniProblems = (sni: string | undefined) => {
  if (sni === undefined) return []
  const host = parseHost(sni)
  if (!host.ok) return host.problems.map(problem => `--sni: ${problem}`)
  // RFC 6066 §3: "Literal IPv4 and IPv6 addresses are not permitted".
  return host.value.family ? [`--sni: ${sni} is an address, a server name is a name (RFC 6066)`] : []
}

/** Packets take as long as their number and interval say; the run's own limit must not cut them. Around udp's are a hello and a query. */
const withTimeToFinish = <T extends Options['icmp'] | Options['udp']>(options: T): T => {
  const around = 'flows' in options ? 2 * options.replyTimeoutMs : 0
  const neededMs = Math.ceil((options.count - 1) * options.intervalMs + options.replyTimeoutMs + around) + 1000
  return { ...options, timeoutMs: Math.min(Math.max(options.timeoutMs, neededMs), 86_400_000) }
}
