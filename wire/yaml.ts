/** YAML (or JSON, which is YAML) to plain values, with the line of every place. Bounded in size, in depth and in what aliases unfold to. */
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type Scalar,
  visit,
  type YAMLMap,
  type YAMLParseError,
  type YAMLWarning,
} from 'yaml'
import type { Problem, Steps } from './problem.ts'
import { quote } from './values.ts'

/** Ten thousand targets, a line each. The parser takes seconds for so much. */
export const maxFleetBytes = 2 * 2 ** 20
/** Values after all aliases are unfolded. */
const maxNodes = 1_000_000
const maxDepth = 32
/** The library looks each of them up among all. */
const maxAliases = 10_000

/** The line of a place, or of the nearest place around it that is written; `isKey` for the key rather than its value. */
export type LineOf = (steps: Steps, isKey?: boolean) => number | undefined
export type ReadYaml = { ok: true; value: unknown; lineOf: LineOf } | { ok: false; problems: Problem[] }

export const readYaml = (text: string): ReadYaml => {
  const bytes = Buffer.byteLength(text)
  if (bytes > maxFleetBytes) return refused(`${bytes} bytes, want at most ${maxFleetBytes}`)
  const lines = new LineCounter()
  try {
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false, version: '1.2' })
    const lineAt = (offset: number): number => lines.linePos(offset).line
    const syntax = [...document.errors, ...document.warnings].map(error => ({
      path: '',
      line: lineAt(error.pos[0]),
      message: syntaxText(error),
    }))
    const { problems: shape, anchors } = shapeProblems(document, lineAt)
    const problems = syntax.some(({ message }) => message === tooDeep)
      ? syntax.filter(({ message }) => message === tooDeep).slice(0, 1)
      : [...syntax, ...shape]
    if (!problems.length) problems.push(...sizeProblems(document, anchors))
    if (problems.length) return { ok: false, problems }
    const value: unknown = document.toJS({ maxAliasCount: -1 })
    return { ok: true, value, lineOf: lineFinder(document.contents as Node | null, anchors, lineAt) }
  } catch (error) {
    // The parser descends by recursion.
    if (error instanceof RangeError) return refused(tooDeep)
    throw error
  }
}

const syntaxText = ({ code, message }: YAMLParseError | YAMLWarning): string => {
  if (code === 'MULTIPLE_DOCS') return 'a second document begins here, want one document per file'
  return message.startsWith('Maximum call stack') ? tooDeep : message
}
const tooDeep = 'nested too deeply'

const refused = (message: string): ReadYaml => ({ ok: false, problems: [{ path: '', message }] })

type Anchors = Map<Alias, Node>

/** Keys that come twice, and aliases that stand for nothing or for themselves. The library's own search for double keys takes the square of their number. */
const shapeProblems = (document: Document, lineAt: (offset: number) => number): { problems: Problem[]; anchors: Anchors } => {
  const problems: Problem[] = []
  const anchors: Anchors = new Map()
  const named = new Map<string, Node>()
  const add = (node: Node, message: string): void => void problems.push({ path: '', line: lineAt(node.range?.[0] ?? 0), message })
  visit(document, {
    Node: (_, node) => {
      if (isAlias(node)) {
        const anchor = named.get(node.source)
        if (!anchor) add(node, `*${node.source} has no anchor &${node.source} before it`)
        else if (anchor.range![2] > node.range![0]) add(node, `*${node.source} stands inside its own anchor &${node.source}: a cycle`)
        else anchors.set(node, anchor)
      } else if (node.anchor) named.set(node.anchor, node)
      if (isMap(node)) for (const [key, message] of keyProblems(node)) add(key ?? node, message)
    },
  })
  if (anchors.size > maxAliases) problems.push({ path: '', message: `${anchors.size} aliases, want at most ${maxAliases}` })
  return { problems, anchors }
}

const keyProblems = (map: YAMLMap): [Node | undefined, string][] => {
  const seen = new Set<string>()
  return map.items.flatMap(({ key }): [Node | undefined, string][] => {
    if (!isScalar(key)) return [[(key as Node | null) ?? undefined, 'a key that is no plain text']]
    const name = String(key.value)
    if (seen.has(name)) return [[key, `${quote(name)} stands here twice`]]
    seen.add(name)
    return []
  })
}

const sizeProblems = (document: Document, anchors: Anchors): Problem[] => {
  const { nodes, depth } = unfolded(document.contents as Node | null, anchors, new Map())
  if (nodes > maxNodes) return [{ path: '', message: `unfolds to more than ${maxNodes} values, use fewer aliases` }]
  return depth > maxDepth ? [{ path: '', message: `nested ${depth} deep, want at most ${maxDepth}` }] : []
}

type Extent = { nodes: number; depth: number }

/** How many values a node stands for, and how deep, aliases unfolded. Each anchor is looked at once, so a bomb costs no more than its text. */
const unfolded = (node: Node | null | undefined, anchors: Anchors, known: Map<Node, Extent>): Extent => {
  const before = node && known.get(node)
  if (before) return before
  const extents = innerOf(node, anchors).map(one => unfolded(one, anchors, known))
  const extent = {
    nodes: extents.reduce((sum, { nodes }) => sum + nodes, 1),
    depth: extents.reduce((most, { depth }) => Math.max(most, depth), 0) + 1,
  }
  if (node) known.set(node, extent)
  return extent
}

const innerOf = (node: Node | null | undefined, anchors: Anchors): (Node | null | undefined)[] => {
  if (isAlias(node)) return [anchors.get(node)]
  if (isMap(node)) return node.items.map(pair => pair.value as Node | null)
  return isSeq(node) ? (node.items as Node[]) : []
}

const lineFinder = (contents: Node | null, anchors: Anchors, lineAt: (offset: number) => number): LineOf => {
  const indexes = new Map<YAMLMap, Map<string, Pair>>()
  const pairOf = (map: YAMLMap, step: string | number): Pair | undefined => {
    const index = indexes.get(map) ?? new Map(map.items.map(pair => [String((pair.key as Scalar).value), pair]))
    indexes.set(map, index)
    return index.get(String(step))
  }
  return (steps, isKey = false) => {
    let node: Node | null | undefined = contents
    let line = node?.range ? lineAt(node.range[0]) : undefined
    for (const [index, step] of steps.entries()) {
      const around: Node | null | undefined = isAlias(node) ? anchors.get(node) : node
      const pair: Pair | undefined = isMap(around) ? pairOf(around, step) : undefined
      const next: Node | null | undefined = pair
        ? (pair.value as Node | null)
        : isSeq(around)
          ? (around.items[Number(step)] as Node | undefined)
          : undefined
      if (!pair && !next) break
      // What stands below its key is looked for at the key.
      const atKey = pair && ((isKey && index === steps.length - 1) || !isScalar(next))
      const range = (atKey ? (pair.key as Node) : (next ?? (pair?.key as Node)))?.range
      if (range) line = lineAt(range[0])
      node = next
    }
    return line
  }
}
