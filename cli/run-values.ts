/** The values of `probe run`'s options: each is read, or is a problem that names the option and what it wants. */
import { isIP } from 'node:net'
import { traceProtocols } from '../wire/options-trace.ts'
import type { Family, Kind } from '../wire/result.ts'
import { parseHost, parseIpv6, parsePort } from '../wire/target.ts'
import { bad, good, type Parsed, quote } from '../wire/values.ts'
import { type FlagName, flagOf, kindsOfFlag, type Output, outputs, schemaOf } from './flags.ts'
import type { Given } from './run-words.ts'

export const parseOutput = (text: string = 'human'): Parsed<Output> => {
  const output = outputs.find(one => one === text)
  return output ? good(output) : bad(`--output: got ${quote(text)}, want one of ${outputs.join(', ')}`)
}

export const parseFamily = (text?: string): Parsed<Family | undefined> =>
  text === undefined
    ? good(undefined)
    : text === '4' || text === '6'
      ? good(Number(text) as Family)
      : bad(`--family: got ${quote(text)}, want 4 or 6`)

export type Lists = { resolvers: string[]; expect: string[]; alpn: string[] }

export const parseLists = (given: Given): Parsed<Lists> => {
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

export type Numbers = { [K in Kind]?: Record<string, number> }

/** Numbers within what the schemas of all kinds in use allow. */
export const parseNumbers = (given: Given, used: ReadonlySet<Kind>): Parsed<Numbers> => {
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
      problems.push(
        `--${name}: got ${given[name]![0]}, want ${number.show(least)} to ${number.show(most)}${value.value < least ? sayUnit(number, given[name]![0]!) : ''}`,
      )
    } else if (whole) problems.push(`--${name}: got ${given[name]![0]}, want a whole number${name === 'timeout' ? ' of milliseconds' : ''}`)
    for (const kind of kindsOfFlag(name)) numbers[kind] = { ...numbers[kind], [into[kind]!]: value.value }
  }
  return problems.length ? bad(...problems) : good(numbers)
}

export const sourceProblems = (source: string | undefined, family: Family | undefined) => {
  if (source === undefined) return []
  if (!isIP(source)) return [`--source: got ${quote(source)}, want an address of this machine`]
  return family && isIP(source) !== family ? [`--source: ${source} is IPv${isIP(source)}, and --family is ${family}`] : []
}

export const protocolProblems = (text: string | undefined) =>
  text === undefined || traceProtocols.some(one => one === text)
    ? []
    : [`--protocol: got ${quote(text)}, want one of ${traceProtocols.join(', ')}`]

export const sniProblems = (sni: string | undefined) => {
  if (sni === undefined) return []
  const host = parseHost(sni)
  if (!host.ok) return host.problems.map(problem => `--sni: ${problem}`)
  // RFC 6066 §3: "Literal IPv4 and IPv6 addresses are not permitted".
  return host.value.family ? [`--sni: ${sni} is an address, a server name is a name (RFC 6066)`] : []
}

/** `5` for five seconds is the usual slip: a duration without a unit is in milliseconds. */
const sayUnit = (number: NonNullable<ReturnType<typeof flagOf>['number']>, text: string): string =>
  number.show(1) === '1ms' && /^[\d.]+$/.test(text) ? `; without a unit it is milliseconds, did you mean ${text}s?` : ''
