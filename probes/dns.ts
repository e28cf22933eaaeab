import { getServers, lookup, Resolver } from 'node:dns/promises'
import ipaddr from 'ipaddr.js'
import type { DnsAnswer, DnsMeasured } from '../wire/measured.ts'
import type { Options } from '../wire/options.ts'
import type { FailReason } from '../wire/reasons.ts'
import type { Family, Outcome, Target, Warning } from '../wire/result.ts'
import { aborted, type Finding, fail, ok, timedOut, unmeasured } from './finding.ts'
import { familyOf } from './net/sockaddr.ts'

const systemName = 'system'

/** What c-ares and getaddrinfo say (c-ares' ares.h; RFC 1035 §4.1.1), as our reasons. */
const reasonOf: Record<string, FailReason> = {
  ENOTFOUND: 'dns_not_found',
  ENODATA: 'dns_not_found',
  ETIMEOUT: 'dns_timeout',
  ECANCELLED: 'dns_timeout',
  // An ICMP error or a RST came back at once: it is there, and no resolver is.
  ECONNREFUSED: 'dns_server_failure',
  EAI_AGAIN: 'dns_server_failure',
}

/** What Node says of a resolver that is no address, before anything is asked. */
const misnaming = new Set(['ERR_INVALID_IP_ADDRESS', 'ERR_SOCKET_BAD_PORT'])

/**
 * Resolves a name to addresses of one family: by the resolvers given, all of them asked at once and compared, else as the system does
 * (hosts file, search list and all), in which case the system's resolvers are also asked one by one when it fails, to say which is at fault.
 * No retries. Does not follow what an application may do besides (happy eyeballs, DNS over HTTPS).
 */
export const probeDns = async (target: Target, options: Options['dns'], signal: AbortSignal): Promise<Finding<'dns'>> => {
  const family: Family = options.family ?? 4
  let answers =
    options.resolvers.length > 0
      ? await Promise.all(options.resolvers.map(resolver => askEither(resolver, target.host, options, signal)))
      : [await askSystem(target.host, options.family, signal)]
  if (options.resolvers.length === 0 && answers[0]?.error && !signal.aborted)
    answers = [
      answers[0],
      ...(await Promise.all(getServers().map(server => ask(server, target.host, family, Math.min(2000, options.timeoutMs), signal)))),
    ]
  const measured = measure(target.host, family, answers)
  if (signal.aborted && !timedOut(signal)) return { outcome: aborted, measured, phasesMs: {}, warnings: [] }
  const phasesMs: Record<string, number> = measured.latencyMs === null ? {} : { resolve: measured.latencyMs }
  return { ...judgeDns(answers, target.host, options), measured, phasesMs }
}

const measure = (name: string, family: Family, answers: DnsAnswer[]): DnsMeasured => {
  const first = answers.find(a => !a.error)
  return {
    name,
    recordType: (first?.addresses[0] ? familyOf(first.addresses[0]) : family) === 6 ? 'AAAA' : 'A',
    resolver: (first ?? answers[0])?.resolver ?? systemName,
    addresses: first?.addresses ?? [],
    latencyMs: first?.latencyMs ?? null,
    answers,
  }
}

/** A signal that has fired already tells its listeners nothing. */
const notAsked: { error: string; reason: FailReason } = { error: 'not asked any more', reason: 'dns_timeout' }

/** Without a wanted family: IPv4, and IPv6 when there is none. */
const askEither = async (resolver: string, name: string, options: Options['dns'], signal: AbortSignal): Promise<DnsAnswer> => {
  const answer = await ask(resolver, name, options.family ?? 4, options.timeoutMs, signal)
  if (options.family || answer.reason !== 'dns_not_found' || signal.aborted) return answer
  const other = await ask(resolver, name, 6, options.timeoutMs, signal)
  return other.error ? answer : other
}

const ask = async (resolver: string, name: string, family: Family, timeoutMs: number, signal: AbortSignal): Promise<DnsAnswer> => {
  if (signal.aborted) return { resolver, addresses: [], latencyMs: 0, ...notAsked }
  const start = performance.now()
  const client = new Resolver({ timeout: timeoutMs, tries: 1 })
  const cancel = (): void => client.cancel()
  signal.addEventListener('abort', cancel)
  const since = (): number => Math.round((performance.now() - start) * 1e3) / 1e3
  try {
    client.setServers([resolver])
    const addresses = family === 6 ? await client.resolve6(name) : await client.resolve4(name)
    return { resolver, addresses, latencyMs: since() }
  } catch (error) {
    return { resolver, addresses: [], latencyMs: since(), ...problemOf(error, signal) }
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}

const askSystem = async (name: string, family: Family | undefined, signal: AbortSignal): Promise<DnsAnswer> => {
  if (signal.aborted) return { resolver: systemName, addresses: [], latencyMs: 0, ...notAsked }
  const start = performance.now()
  const since = (): number => Math.round((performance.now() - start) * 1e3) / 1e3
  const stopped = new Promise<undefined>(resolve => signal.addEventListener('abort', () => resolve(undefined), { once: true }))
  try {
    // getaddrinfo can't be stopped; what it still finds after the timeout is not used.
    const found = await Promise.race([lookup(name, { all: true, family: family ?? 0, order: 'verbatim' }), stopped])
    if (!found) return { resolver: systemName, addresses: [], latencyMs: since(), error: 'no answer in time', reason: 'dns_timeout' }
    return { resolver: systemName, addresses: found.map(entry => entry.address), latencyMs: since() }
  } catch (error) {
    return { resolver: systemName, addresses: [], latencyMs: since(), ...problemOf(error, signal) }
  }
}

const problemOf = (error: unknown, signal: AbortSignal): { error: string; reason: FailReason } => {
  const code = (error as NodeJS.ErrnoException).code ?? String(error)
  if (signal.aborted) return { error: 'no answer in time', reason: 'dns_timeout' }
  return { error: code, reason: reasonOf[code] ?? 'dns_server_failure' }
}

const sayError = (error: string): string => (error === 'ECONNREFUSED' ? `${error}, nothing listens on that port` : error)

/** The first resolver that fails decides; then an answer that is not as expected; then two resolvers that disagree. */
export const judgeDns = (answers: DnsAnswer[], name: string, options: Options['dns']): Pick<Finding<'dns'>, 'outcome' | 'warnings'> => {
  const asked = options.resolvers.length > 0
  const broken = asked ? answers.find(a => a.error) : answers[0]?.error ? answers[0] : undefined
  const warnings: Warning[] = []
  const misnamed = answers.filter(a => a.error && misnaming.has(a.error)).map(a => a.resolver)
  if (misnamed.length > 0)
    return {
      outcome: unmeasured('config_invalid', `resolver ${misnamed.join(', ')}: want an address, address:port or [IPv6]:port`),
      warnings,
    }
  if (broken) {
    const culprits = answers.filter(a => a.error && a.resolver !== systemName)
    const seen = (culprits.length > 0 ? culprits : [broken]).map(a => `${a.resolver}: ${sayError(a.error!)}`).join(', ')
    return { outcome: fail(broken.reason as FailReason, `${name}: ${seen}`), warnings }
  }
  if (options.expect.length > 0) {
    const unexpected = answers.flatMap(a =>
      a.addresses.filter(x => !options.expect.some(e => matches(x, e))).map(x => `${x} from ${a.resolver}`),
    )
    if (unexpected.length > 0)
      return { outcome: fail('dns_mismatch', `${name}: got ${unexpected.join(', ')}, want ${options.expect.join(', ')}`), warnings }
  }
  return { outcome: judgeAgreement(answers, name), warnings }
}

const judgeAgreement = (answers: DnsAnswer[], name: string): Outcome => {
  const texts = answers.map(a => a.addresses.toSorted((x, y) => (x < y ? -1 : 1)).join(' '))
  if (new Set(texts).size < 2) return ok
  return fail('dns_mismatch', `${name}: the resolvers disagree: ${answers.map((a, i) => `${a.resolver} says ${texts[i]}`).join(', ')}`)
}

/** Whether an address is the expected one, or in the expected prefix. What cannot be parsed matches nothing. */
const matches = (address: string, expected: string): boolean => {
  try {
    const a = ipaddr.parse(address)
    if (!expected.includes('/')) return a.toString() === ipaddr.parse(expected).toString()
    const [network, bits] = ipaddr.parseCIDR(expected)
    return a.kind() === network.kind() && a.match(network, bits)
  } catch {
    return false
  }
}
