/** The local policy as people write it, in YAML: every problem at once, each with its line. */
import { isMap, isScalar, isSeq, LineCounter, type Node, type ParsedNode, parseDocument } from 'yaml'
import { type Kind, kinds } from '../wire/result.ts'
import { bad, good, type Parsed, parseSizeBytes, quote } from '../wire/values.ts'
import { type Network, nat64Lengths, parseNetwork } from './addresses.ts'
import { type Budgets, defaultBudgets, type Policy, type PortRange, type Rule } from './policy.ts'

const keys = ['allow', 'deny', 'sources', 'nat64', 'budgets'] as const
const ruleKeys = ['cidr', 'ports', 'kinds'] as const
/** Least and most of each budget. */
const limits: Record<keyof Budgets, readonly [number, number]> = {
  probesPerSecond: [0, 10_000],
  connectionsPerSecond: [0, 10_000],
  packetsPerSecond: [1, 100_000],
  maxBytes: [0, 2 ** 30],
}

type Reader = { problem(node: Node | null | undefined, text: string): void; lineOf(node: Node | null | undefined): number }

/**
 * Reads the file. An empty one is the default policy. Problems are `line 3: …`.
 * ```yaml
 * allow: [10.0.0.0/8, { cidr: 203.0.113.0/24, ports: [443, 8000-8999], kinds: [tcp, tls] }]
 * deny: [{ cidr: 10.0.0.0/8, ports: [22] }]
 * budgets: { probesPerSecond: 500, maxBytes: 1MiB }
 * ```
 */
export const parsePolicy = (text: string): Parsed<Policy> => {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const found: { line: number; text: string }[] = []
  const lineOf: Reader['lineOf'] = node => (node?.range ? lines.linePos(node.range[0]).line : 1)
  const reader: Reader = { problem: (node, problem) => void found.push({ line: lineOf(node), text: problem }), lineOf }
  for (const error of document.errors) found.push({ line: lines.linePos(error.pos[0]).line, text: error.message })
  const policy = found.length === 0 ? readPolicy(document.contents, reader) : undefined
  if (found.length > 0 || !policy) return bad(...found.toSorted((a, b) => a.line - b.line).map(one => `line ${one.line}: ${one.text}`))
  return good(policy)
}

const readPolicy = (root: ParsedNode | null, reader: Reader): Policy => {
  const parts = root === null || (isScalar(root) && root.value === null) ? {} : readMap(root, keys, 'the policy', reader)
  return {
    ...(parts.allow && { allow: readList(parts.allow, 'allow', reader, readRule) }),
    deny: readList(parts.deny, 'deny', reader, readRule),
    sources: readList(parts.sources, 'sources', reader, readNetwork),
    nat64: readList(parts.nat64, 'nat64', reader, readNat64),
    budgets: readBudgets(parts.budgets, reader),
  }
}

/** The values of a map by their keys; what has another key is a problem. */
const readMap = <K extends string>(node: Node, known: readonly K[], what: string, reader: Reader): { [P in K]?: Node } => {
  if (!isMap(node)) {
    reader.problem(node, `${what} is not a map, want ${known.join(', ')}`)
    return {}
  }
  const values: { [P in K]?: Node } = {}
  for (const { key, value } of node.items) {
    const name = known.find(one => isScalar(key) && one === key.value)
    if (name) values[name] = (value ?? key) as Node
    else reader.problem(key as Node, `${quote(String(key))} is not known in ${what}, want ${known.join(', ')}`)
  }
  return values
}

const readList = <T>(node: Node | undefined, what: string, reader: Reader, read: (item: Node, reader: Reader) => T | undefined): T[] => {
  if (!node) return []
  if (isSeq(node)) return node.items.map(item => read(item as Node, reader)).filter(item => item !== undefined)
  reader.problem(node, `${what} is not a list`)
  return []
}

const textOf = (node: Node | undefined): string => (isScalar(node) ? String(node.value) : String(node))

const readNetwork = (node: Node, reader: Reader): Network | undefined => {
  const network = parseNetwork(textOf(node))
  if (network.ok) return network.value
  for (const problem of network.problems) reader.problem(node, problem)
  return undefined
}

const readNat64 = (node: Node, reader: Reader): Network | undefined => {
  const network = readNetwork(node, reader)
  if (!network || (network.bytes.length === 16 && nat64Lengths.includes(network.bits))) return network
  reader.problem(node, `${network.text} is no NAT64 prefix, want IPv6 with a length of ${nat64Lengths.join(', ')} (RFC 6052 §2.2)`)
  return undefined
}

const readRule = (node: Node, reader: Reader): Rule | undefined => {
  const line = reader.lineOf(node)
  const { cidr, ports, kinds: named } = isMap(node) ? readMap(node, ruleKeys, 'a rule', reader) : { cidr: node }
  if (!cidr) reader.problem(node, 'the rule has no cidr')
  const network = cidr && readNetwork(cidr, reader)
  const ranges = ports && readList(isScalar(ports) ? wrap(ports) : ports, 'ports', reader, readPorts)
  const only = named && readList(named, 'kinds', reader, readKind)
  return network && { network, ...(ranges && { ports: ranges }), ...(only && { kinds: only }), line }
}

/** One port may go without brackets. */
const wrap = (node: Node): Node => {
  const list = parseDocument('[]').contents!
  if (isSeq(list)) list.items.push(node as never)
  return list
}

const readPorts = (node: Node, reader: Reader): PortRange | undefined => {
  const [, first, last] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(textOf(node)) ?? []
  const range = { from: Number(first), to: Number(last ?? first) }
  if (first && range.from >= 1 && range.to <= 65_535 && range.from <= range.to) return range
  reader.problem(node, `port ${quote(textOf(node))}, want 1 to 65535, or a range such as 8000-8999`)
  return undefined
}

const readKind = (node: Node, reader: Reader): Kind | undefined => {
  const kind = kinds.find(one => one === textOf(node))
  if (!kind) reader.problem(node, `${quote(textOf(node))} is not a kind, want one of ${kinds.join(', ')}`)
  return kind
}

const readBudgets = (node: Node | undefined, reader: Reader): Budgets => {
  const names = Object.keys(limits) as (keyof Budgets)[]
  const given = node ? readMap(node, names, 'budgets', reader) : {}
  const budgets = { ...defaultBudgets }
  for (const name of names) {
    const value = given[name]
    if (!value) continue
    const [least, most] = limits[name]
    const text = textOf(value)
    const number = name === 'maxBytes' ? parseSizeBytes(text) : /^\d{1,9}(\.\d{1,6})?$/.test(text) ? good(Number(text)) : bad()
    if (number.ok && number.value >= least && number.value <= most) budgets[name] = number.value
    else reader.problem(value, `${name}: got ${quote(text)}, want ${least} to ${most}`)
  }
  return budgets
}
