/** The `options` of a check as people write them: units in the value (`interval: 200ms`, `payload: 64KiB`) rather than in the name. */
import { schemaProblems } from './document.ts'
import { nearest } from './near.ts'
import { type Options, optionSchemas } from './options.ts'
import type { Kind } from './result.ts'
import { type Parsed, parseDurationMs, parseSizeBytes, quote } from './values.ts'

type OptionProblem = { path: readonly (string | number)[]; message: string }
type Converted = { options: Record<string, unknown>; problems: OptionProblem[] }

/** Which parser a name's unit asks for. */
const units: Record<string, (text: string) => Parsed<number>> = { Ms: parseDurationMs, Bytes: parseSizeBytes }
const unitOf = (name: string): string | undefined => /(Ms|Bytes)$/.exec(name)?.[1]
const plainName = (name: string): string => name.replace(/(Ms|Bytes)$/, '')

/**
 * The options by their full names, or everything that is wrong with them. Both spellings are taken: `intervalMs: 200` and `interval: 200ms`.
 * Defaults are not filled in; `timeoutMs` is the check's own `timeout`.
 */
export const parseCheckOptions = <K extends Kind>(
  kind: K,
  given: Record<string, unknown>,
): { options: Partial<Options[K]>; problems: OptionProblem[] } => {
  const names = Object.keys(optionSchemas[kind].properties).filter(name => name !== 'timeoutMs')
  const { options, problems } = convert(given, names)
  const schema = { ...optionSchemas[kind], required: [] }
  const misfits = schemaProblems(options, schema).map(({ path, message }) => ({
    path: [writtenAs(given, String(path[0])), ...path.slice(1)],
    message,
  }))
  return { options: options as Partial<Options[K]>, problems: [...problems, ...misfits] }
}

const writtenAs = (given: Record<string, unknown>, name: string): string => (Object.hasOwn(given, name) ? name : plainName(name))

const convert = (given: Record<string, unknown>, names: readonly string[]): Converted => {
  const options: Record<string, unknown> = {}
  const problems: OptionProblem[] = []
  for (const [key, value] of Object.entries(given)) {
    const name = names.includes(key) ? key : names.find(one => plainName(one) === key)
    const unit = name && unitOf(name)
    if (!name) problems.push({ path: [key], message: unknownOption(key, names) })
    else if (unit && typeof value === 'string') {
      const parsed = units[unit]!(value)
      if (parsed.ok) options[name] = parsed.value
      else problems.push(...parsed.problems.map(message => ({ path: [key], message })))
    } else options[name] = value
  }
  return { options, problems }
}

const unknownOption = (key: string, names: readonly string[]): string => {
  if (key === 'timeoutMs' || key === 'timeout') return 'belongs to the check itself, write timeout beside options'
  const known = names.map(plainName)
  const near = nearest(key, known)
  return `unknown option ${quote(key)}, ${near ? `did you mean ${near}?` : `want one of ${known.join(', ')}`}`
}
