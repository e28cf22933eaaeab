/**
 * Files that people write: YAML (and with it JSON), held against a JSON Schema, with every problem at once and the line of each.
 * Used for the agent's configuration, its policy and the fleet.
 */
import { Errors } from 'typebox/schema'
import { Settings } from 'typebox/system'
import { type Document, isMap, LineCounter, parseDocument } from 'yaml'
import { nearest } from './near.ts'
import { quote } from './values.ts'

/** One thing that is wrong, where, and what to do about it. `path` is like `checks[0].every`; empty is the whole file. */
export type Problem = { path: string; line?: number; message: string }
export type Path = readonly (string | number)[]

/** `value` fits the schema. `at` makes a problem of something that only the caller knows to be wrong. */
export type Read<T> = { ok: true; value: T; at: (path: Path, message: string) => Problem } | { ok: false; problems: Problem[] }

/** TypeBox stops at eight otherwise; each unknown key counts twice. */
Settings.Set({ maxErrors: 1000 })

const largestCharacters = 4 * 2 ** 20
/** YAML aliases multiply: a "billion laughs" file stops here. */
const mostAliases = 100

/** `checks[0].every` */
export const formatPath = (path: Path): string =>
  path.reduce<string>(
    (text, part) =>
      typeof part === 'number' || !/^[\w-]+$/.test(part)
        ? `${text}[${typeof part === 'number' ? part : quote(part)}]`
        : text === ''
          ? part
          : `${text}.${part}`,
    '',
  )

/** `agent.yaml:12: checks[0].every: …` */
export const formatProblem = (file: string, { path, line, message }: Problem): string =>
  `${file}${line === undefined ? '' : `:${line}`}: ${path === '' ? '' : `${path}: `}${message}`

/** Reads one document. An empty one is an empty object. Never throws. */
export const readDocument = <T>(text: string, schema: object): Read<T> => {
  if (text.length > largestCharacters)
    return { ok: false, problems: [{ path: '', message: `${text.length} characters, want at most ${largestCharacters}` }] }
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true })
  const lineAt = (offset: number): number => lines.linePos(offset).line
  if (document.errors.length > 0)
    return {
      ok: false,
      problems: document.errors.map(({ message, pos }) => ({ path: '', line: lineAt(pos[0]), message: `not YAML: ${message}` })),
    }
  const at = (path: Path, message: string): Problem => ({ path: formatPath(path), line: lineOf(document, path, lineAt), message })
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: mostAliases }) ?? {}
  } catch (error) {
    return { ok: false, problems: [{ path: '', message: `not usable: ${(error as Error).message}` }] }
  }
  const problems = schemaProblems(value, schema)
    .map(({ path, message }) => at(path, message))
    .sort((a, b) => (a.line ?? 0) - (b.line ?? 0))
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value: value as T, at }
}

/** The line of a node's key; of the nearest parent that is there, for what is missing. */
const lineOf = (document: Document, path: Path, lineAt: (offset: number) => number): number | undefined => {
  for (let length = path.length; length >= 0; length--) {
    const parent = length === 0 ? undefined : document.getIn(path.slice(0, length - 1), true)
    const pair = isMap(parent) ? parent.items.find(({ key }) => String(key) === String(path[length - 1])) : undefined
    const node = (pair?.key ?? document.getIn(path.slice(0, length), true)) as { range?: [number, number, number] } | undefined
    if (node?.range) return lineAt(node.range[0])
  }
  return undefined
}

type SchemaNode = {
  type?: string | readonly string[]
  description?: string
  examples?: readonly unknown[]
  properties?: Record<string, SchemaNode>
  minimum?: number
  maximum?: number
}
type Found = { path: Path; message: string }

/** Everything in which a value does not fit a schema, in words. */
export const schemaProblems = (value: unknown, schema: object): Found[] => {
  const [, errors] = Errors(schema, value)
  const found = errors.flatMap(({ keyword, schemaPath, instancePath, params }) => {
    const path = splitPointer(instancePath, value)
    return describe(
      keyword,
      path,
      params as Record<string, unknown>,
      at(value, path),
      at(schema, splitPointer(schemaPath.slice(1), schema)) as SchemaNode,
    )
  })
  // A value that none of several forms takes has one problem, not one for each form.
  return found.filter(({ path }, i) => found.findIndex(other => formatPath(other.path) === formatPath(path)) === i)
}

const describe = (keyword: string, path: Path, params: Record<string, unknown>, got: unknown, schema: SchemaNode): Found[] => {
  const known = Object.keys(schema.properties ?? {})
  const say = (message: string): Found[] => [{ path, message }]
  switch (keyword) {
    case 'boolean':
      return []
    case 'additionalProperties':
      return (params['additionalProperties'] as string[]).map(key => {
        const near = nearest(key, known)
        return { path: [...path, key], message: `unknown key, ${near ? `did you mean ${near}?` : `want one of ${known.join(', ')}`}` }
      })
    case 'required':
      return (params['requiredProperties'] as string[]).map(key => {
        const about = schema.properties?.[key]?.description
        return { path: [...path, key], message: `is missing${about ? `: ${about}` : ''}` }
      })
    case 'type':
      return say(`got ${show(got)}, want ${[schema.type].flat().map(typeName).join(' or ')}`)
    case 'enum': {
      const allowed = (params['allowedValues'] as unknown[]).map(String)
      const near = typeof got === 'string' ? nearest(got, allowed) : undefined
      return say(`got ${show(got)}, want one of ${allowed.join(', ')}${near ? `; did you mean ${near}?` : ''}`)
    }
    case 'minimum':
    case 'maximum':
      return say(`got ${show(got)}, want ${schema.minimum ?? 'anything'} to ${schema.maximum ?? 'anything'}`)
    default:
      return say(`got ${show(got)}, want ${wanted(schema)}`)
  }
}

const wanted = ({ description, examples }: SchemaNode): string =>
  examples ? `one like ${examples.join(', ')}` : (description ?? 'something else')

const typeName = (type: string | undefined): string =>
  ({
    object: 'keys and values',
    array: 'a list',
    string: 'a text',
    integer: 'a whole number',
    number: 'a number',
    boolean: 'true or false',
  })[type ?? ''] ?? 'something else'

const show = (value: unknown): string => {
  if (typeof value === 'string') return quote(value)
  if (Array.isArray(value)) return 'a list'
  if (value === null) return 'nothing'
  return typeof value === 'object' ? 'keys and values' : String(value)
}

/** A JSON pointer (RFC 6901), with numbers where the value has a list. */
const splitPointer = (pointer: string, root: unknown): Path => {
  const path: (string | number)[] = []
  for (const part of pointer.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~')
    path.push(Array.isArray(at(root, path)) ? Number(key) : key)
  }
  return path
}

const at = (root: unknown, path: Path): unknown =>
  path.reduce<unknown>((node, part) => (node as Record<string | number, unknown> | undefined)?.[part], root)
