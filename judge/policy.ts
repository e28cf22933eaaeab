/**
 * Where an agent may probe, by its own file and nobody else's: a controller that was taken over, or a target that points elsewhere, can't make
 * it ask metadata services, other networks or more than its budget. Pure; the decision is taken on the very address that is dialled.
 */
import type { Kind } from '../wire/result.ts'
import { type Bytes, contains, formatAddress, isWithin, type Network, parseAddress, translatedTo, tunnelledTo } from './addresses.ts'
import { specials } from './special-addresses.ts'

export type PortRange = { from: number; to: number }

/** Without ports all of them, without kinds all of them. `line` is where it stands in the file. */
export type Rule = { network: Network; ports?: readonly PortRange[]; kinds?: readonly Kind[]; line?: number }

export type Budgets = {
  /** Runs that start. */
  probesPerSecond: number
  /** TCP connections to one public address: each holds a port of a NAT gateway for a minute or more. */
  connectionsPerSecond: number
  /** Packets of one run. */
  packetsPerSecond: number
  /** Payload of one run. */
  maxBytes: number
}

export type Policy = {
  /** When it is there, nothing else is allowed. */
  allow?: readonly Rule[]
  /** Wins over everything. */
  deny: readonly Rule[]
  /** Source addresses that a check may choose. */
  sources: readonly Network[]
  /** NAT64 prefixes of this network, beside the well-known one (RFC 6052, RFC 7050). */
  nat64: readonly Network[]
  budgets: Budgets
}

export const defaultBudgets: Budgets = { probesPerSecond: 200, connectionsPerSecond: 10, packetsPerSecond: 100, maxBytes: 10 * 2 ** 20 }

/** What holds without a file: everything is allowed but what nobody means to probe. */
export const defaultPolicy: Policy = { deny: [], sources: [], nat64: [], budgets: defaultBudgets }

/** One socket about to be opened. No port: ICMP. */
export type Dial = { kind: Kind; address: string; port?: number; source?: string }
/** `rule` is what decides, `detail` says it in words, `remedy` what to write into the file. */
export type Decision = { kind: 'allowed' } | { kind: 'denied'; rule: string; detail: string; remedy: string }

const allowed: Decision = { kind: 'allowed' }

/**
 * Whether this dial is allowed: by every form of its address, the IPv4 addresses inside it too. What has no port is judged by networks alone:
 * a rule with ports allows it and does not deny it.
 */
export const judgeDial = (policy: Policy, dial: Dial): Decision => {
  const address = parseAddress(dial.address)
  if (!address) return deny('addresses only', `${JSON.stringify(dial.address)} is not an address`, 'resolve the name and dial its address')
  const translated = translatedTo(address, policy.nat64)
  const forms = [address, ...translated, ...tunnelledTo(address)]
  const say = (form: Bytes): string =>
    form === address ? formatAddress(address) : `${formatAddress(address)} (${formatAddress(form)} inside)`
  for (const form of forms) {
    const rule = policy.deny.find(one => matches(one, form, dial, false))
    if (rule)
      return deny(`deny ${ruleText(rule)}`, `${say(form)} is denied by the local policy's rule ${ruleText(rule)}`, 'take the rule away')
  }
  for (const form of forms) {
    const found = specials.find(one => contains(one.network, form) && !isNamed(policy, one.network, form, dial))
    if (!found) continue
    const remedy = `name it: allow: [${formatAddress(form)}]${policy.allow ? '' : ', and beside it all that was allowed until now, 0.0.0.0/0 and ::/0'}`
    return deny(`${found.what} ${found.network.text}`, `${say(form)} is ${found.what}, denied unless the local policy names it`, remedy)
  }
  const source = judgeSource(policy, dial.source)
  if (source) return source
  if (!policy.allow) return allowed
  const isAllowed = (form: Bytes): boolean => policy.allow!.some(rule => matches(rule, form, dial, true))
  if (isAllowed(address) || (translated.length > 0 && translated.every(isAllowed))) return allowed
  const to = dial.port === undefined ? formatAddress(address) : `${formatAddress(address)} port ${dial.port}`
  return deny('nothing allows it', `${to} is in no allow rule of the local policy`, `add it: allow: [{ cidr: ${formatAddress(address)} }]`)
}

/** A denial in one line, for the outcome of a run. */
export const denialText = (decision: Decision): string | undefined =>
  decision.kind === 'denied' ? `${decision.detail}; to change that: ${decision.remedy}` : undefined

const deny = (rule: string, detail: string, remedy: string): Decision => ({ kind: 'denied', rule, detail, remedy })

const matches = ({ network, ports, kinds }: Rule, address: Bytes, { kind, port }: Dial, withoutPort: boolean): boolean =>
  contains(network, address) &&
  (!kinds || kinds.includes(kind)) &&
  (!ports || (port === undefined ? withoutPort : ports.some(range => port >= range.from && port <= range.to)))

const isNamed = ({ allow = [] }: Policy, network: Network, address: Bytes, dial: Dial): boolean =>
  allow.some(rule => isWithin(rule.network, network) && matches(rule, address, dial, true))

/** Another source address is another identity to the filters on the way. */
const judgeSource = ({ sources }: Policy, source: string | undefined): Decision | undefined => {
  if (source === undefined) return undefined
  const address = parseAddress(source)
  if (address && sources.some(network => contains(network, address))) return undefined
  return deny('sources', `the source address ${source} is not one that the local policy lets checks choose`, `add it: sources: [${source}]`)
}

export const ruleText = ({ network, ports, kinds, line }: Rule): string =>
  [
    network.text,
    ...(ports ? [`ports ${ports.map(({ from, to }) => (from === to ? from : `${from}-${to}`)).join(', ')}`] : []),
    ...(kinds ? [kinds.join(', ')] : []),
    ...(line === undefined ? [] : [`(line ${line})`]),
  ].join(' ')
