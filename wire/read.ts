/**
 * Reads a value by a JSON Schema literal: fills in the defaults, freezes, and finds every problem at once, each with its remedy. For documents that
 * people write: TypeBox stops after eight errors unless a setting of the whole process is changed, and says neither which key was meant nor what
 * to write. The tests hold it against TypeBox. Of JSON Schema it knows what the schemas of this directory use.
 */
import { nearest } from './near.ts'
import type { Steps } from './problem.ts'
import { quote } from './values.ts'

/** What a schema literal may contain. `examples` and `description` go into the messages. */
export type Schema = {
  readonly type?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly properties?: { readonly [name: string]: Schema }
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | Schema
  readonly items?: Schema
  readonly default?: unknown
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly exclusiveMaximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly examples?: readonly string[]
  readonly description?: string
}
/** `isKey`: the key itself is meant, not what stands behind it. */
export type Finding = { steps: Steps; message: string; isKey?: boolean }

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The value with its defaults, frozen, and what is wrong with it. Without problems the value fits the schema; after `maxFindings` it looks no further. */
export const readBySchema = (schema: Schema, value: unknown): { value: unknown; problems: Finding[] } => {
  const problems: Finding[] = []
  const read = readAt(schema, value, [], problems)
  return { value: read, problems }
}

/** The same between programs of different versions: keys of closed objects that the schema does not know are left out, not complained of. */
export const readKnown = (schema: Schema, value: unknown): { value: unknown; problems: Finding[] } =>
  readBySchema(schema, withoutUnknown(schema, value))

/** As deep as the schema goes; one of several forms (`anyOf`) is taken as it is. */
const withoutUnknown = (schema: Schema, value: unknown): unknown => {
  if (Array.isArray(value)) return schema.items ? value.map(item => withoutUnknown(schema.items!, item)) : value
  if (!isObject(value) || !schema.properties) return value
  const known = schema.properties
  const kept = Object.entries(value).filter(([key]) => schema.additionalProperties !== false || Object.hasOwn(known, key))
  return Object.fromEntries(kept.map(([key, inner]) => [key, Object.hasOwn(known, key) ? withoutUnknown(known[key]!, inner) : inner]))
}

/** Nobody mends more at once; a document of nothing but mistakes must not cost more than one without. */
export const maxFindings = 1000

const readAt = (schema: Schema, given: unknown, steps: Steps, problems: Finding[]): unknown => {
  if (problems.length >= maxFindings) return given
  const value = given === undefined ? schema.default : given
  const add = (message: string): void => void problems.push({ steps, message })
  if (schema.anyOf) return readAny(schema, value, steps, problems)
  if ('const' in schema || schema.enum) {
    const wanted = schema.enum ?? [schema.const]
    if (!wanted.includes(value)) add(choiceProblem(value, wanted))
  } else if (schema.type !== undefined && !isOfType(schema.type, value))
    add(`${gotText(value)}, want ${typeTexts[schema.type]}${such(schema)}`)
  else if (typeof value === 'string') for (const problem of textProblems(schema, value)) add(problem)
  else if (typeof value === 'number') for (const problem of numberProblems(schema, value)) add(problem)
  else if (Array.isArray(value)) return readList(schema, value, steps, problems)
  else if (isObject(value)) return readObject(schema, value, steps, problems)
  return value
}

const readList = (schema: Schema, value: unknown[], steps: Steps, problems: Finding[]): unknown => {
  if (value.length < (schema.minItems ?? 0)) problems.push({ steps, message: 'an empty list, want at least one entry' })
  if (value.length > (schema.maxItems ?? Number.POSITIVE_INFINITY))
    problems.push({ steps, message: `${value.length} entries, want at most ${schema.maxItems}` })
  const items = schema.items
  return Object.freeze(items ? value.map((item, index) => readAt(items, item ?? null, [...steps, index], problems)) : [...value])
}

const readObject = (schema: Schema, value: Record<string, unknown>, steps: Steps, problems: Finding[]): unknown => {
  const known = schema.properties ?? {}
  const read: [string, unknown][] = []
  for (const [key, inner] of Object.entries(value)) {
    if (Object.hasOwn(known, key) || problems.length >= maxFindings) continue
    if (schema.additionalProperties === false)
      problems.push({ steps: [...steps, key], isKey: true, message: unknownKey(key, Object.keys(known)) })
    const its = isObject(schema.additionalProperties) ? schema.additionalProperties : undefined
    read.push([key, its ? readAt(its, inner, [...steps, key], problems) : inner])
  }
  for (const [key, inner] of Object.entries(known)) {
    const own = Object.hasOwn(value, key) ? value[key] : undefined
    if (own === undefined && inner.default === undefined) {
      if (schema.required?.includes(key)) problems.push({ steps, message: `${key} is missing, want ${wantText(inner)}` })
    } else read.push([key, readAt(inner, own, [...steps, key], problems)])
  }
  return Object.freeze(Object.fromEntries(read))
}

/** One of several forms: the one that its distinguishing key names, or the first that fits. */
const readAny = (schema: Schema, value: unknown, steps: Steps, problems: Finding[]): unknown => {
  const forms = schema.anyOf!
  const key = distinguishing(forms)
  if (key !== undefined && isObject(value)) {
    const form = forms.find(one => one.properties![key]!.const === value[key])
    if (form) return readAt(form, value, steps, problems)
    const names = forms.map(one => one.properties![key]!.const)
    problems.push(
      Object.hasOwn(value, key)
        ? { steps: [...steps, key], message: choiceProblem(value[key], names) }
        : { steps, message: `${key} is missing, want one of ${names.join(', ')}` },
    )
    return value
  }
  for (const form of forms) {
    const tried = readBySchema(form, value)
    if (!tried.problems.length) return tried.value
  }
  // The value is not repeated: it may be a secret that someone wrote where a reference belongs.
  problems.push({ steps, message: `want ${wantText(schema)}` })
  return value
}

const distinguishing = (forms: readonly Schema[]): string | undefined =>
  Object.keys(forms[0]?.properties ?? {}).find(key => forms.every(form => form.properties?.[key]?.const !== undefined))

const isOfType = (type: string, value: unknown): boolean => {
  if (type === 'integer') return Number.isInteger(value)
  if (type === 'number') return Number.isFinite(value)
  if (type === 'array') return Array.isArray(value)
  return type === 'object' ? isObject(value) : typeof value === type
}
const typeTexts: Record<string, string> = {
  string: 'a text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'keys with values',
}

const such = ({ examples }: Schema): string => (examples?.length ? ` such as ${examples.join(' or ')}` : '')
const wantText = (schema: Schema): string =>
  schema.examples?.length || !schema.description ? `${typeTexts[schema.type ?? ''] ?? 'a value'}${such(schema)}` : schema.description
const gotText = (value: unknown): string => (value === null ? 'is empty' : `got ${showValue(value)}`)
const showValue = (value: unknown): string => {
  if (typeof value === 'string') return quote(value)
  return Array.isArray(value) ? 'a list' : isObject(value) ? 'keys with values' : String(value)
}

const unknownKey = (key: string, known: string[]): string => {
  const near = nearest(key, known)
  if (near) return `unknown key, did you mean ${near}?`
  return known.length > 0 ? `unknown key, known here are ${known.join(', ')}` : 'unknown key, none is known here'
}

/** Longer than any choice: it may be a secret that someone wrote in the wrong place, and is not repeated. */
const longestChoice = 32

const choiceProblem = (value: unknown, wanted: readonly unknown[]): string => {
  if (typeof value === 'string' && value.length > longestChoice)
    return `got a text of ${value.length} characters, want ${wanted.length > 1 ? 'one of ' : ''}${wanted.join(', ')}`
  const near = typeof value === 'string' ? nearest(value, wanted.map(String)) : undefined
  if (near && wanted.length > 12) return `${gotText(value)}, did you mean ${near}?`
  return `${gotText(value)}, ${near ? `did you mean ${near}? Want` : 'want'} ${wanted.length > 1 ? 'one of ' : ''}${wanted.join(', ')}`
}

/** Lengths are counted in code points, as JSON Schema does. */
const textProblems = (schema: Schema, value: string): string[] => {
  const length = [...value].length
  if (length < (schema.minLength ?? 0)) return ['is empty']
  if (length > (schema.maxLength ?? Number.POSITIVE_INFINITY)) return [`${length} characters, want at most ${schema.maxLength}`]
  if (schema.pattern === undefined || new RegExp(schema.pattern, 'u').test(value)) return []
  return [`got ${quote(value)}, want ${wantText(schema)}`]
}

const numberProblems = (schema: Schema, value: number): string[] => {
  const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY } = schema
  if (value < minimum || value > maximum)
    return [`got ${value}, want ${maximum === Number.POSITIVE_INFINITY ? `at least ${minimum}` : `${minimum} to ${maximum}`}`]
  if (value <= (schema.exclusiveMinimum ?? Number.NEGATIVE_INFINITY)) return [`got ${value}, want more than ${schema.exclusiveMinimum}`]
  if (value >= (schema.exclusiveMaximum ?? Number.POSITIVE_INFINITY)) return [`got ${value}, want less than ${schema.exclusiveMaximum}`]
  return []
}
