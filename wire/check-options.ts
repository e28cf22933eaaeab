/**
 * The `options:` of a check as people write them: by the names of `options.ts`, or by the same names without their unit (`payload: 64KiB` for
 * `payloadBytes: 65536`). Durations, sizes and ratios may be texts.
 */
import { type Options, optionSchemas } from './options.ts'
import { type Finding, readBySchema, type Schema } from './read.ts'
import type { Kind } from './result.ts'
import { type Parsed, parseDurationMs, parseRatio, parseSizeBytes } from './values.ts'

const units = [
  [/Ms$/, parseDurationMs],
  [/Bytes$/, parseSizeBytes],
  [/^maxLoss$/, parseRatio],
] as const

/** How a text is read as the number that an option wants. */
const parserOf = (option: string): ((text: string) => Parsed<number>) | undefined => units.find(([form]) => form.test(option))?.[1]

/** `payload` is `payloadBytes`, `interval` is `intervalMs`. */
const fullName = (given: string, known: string[]): string =>
  known.includes(given) ? given : (known.find(option => option === `${given}Ms` || option === `${given}Bytes`) ?? given)

/** Whether the kind has an option of this name, with or without its unit. */
export const isOption = (kind: Kind, name: string): boolean => {
  const known = Object.keys(optionSchemas[kind].properties)
  return known.includes(fullName(name, known))
}

/** All options of the kind with their defaults, frozen; those that were `given`, by their full names and as numbers; and what is wrong, by the names that were written. */
export const readOptions = <K extends Kind>(
  kind: K,
  written: Record<string, unknown>,
): { value: Options[K]; given: Partial<Options[K]>; problems: Finding[] } => {
  const schema: Schema = optionSchemas[kind]
  const known = Object.keys(schema.properties!)
  const names = new Map<string, string>()
  const problems: Finding[] = []
  const values: [string, unknown][] = []
  for (const [name, value] of Object.entries(written)) {
    const option = fullName(name, known)
    const twin = names.get(option)
    if (twin !== undefined) problems.push({ steps: [name], isKey: true, message: `the same as ${twin}, write one of the two` })
    names.set(option, name)
    const parse = typeof value === 'string' ? parserOf(option) : undefined
    const parsed = parse?.(value as string)
    if (parsed && !parsed.ok) problems.push(...parsed.problems.map(message => ({ steps: [name], message })))
    else values.push([option, parsed ? parsed.value : value])
  }
  const read = readBySchema(schema, Object.fromEntries(values))
  const asWritten = ({ steps: [first, ...rest], ...finding }: Finding): Finding => ({
    ...finding,
    steps: first === undefined ? [] : [names.get(String(first)) ?? first, ...rest],
  })
  return {
    value: read.value as Options[K],
    given: Object.freeze(Object.fromEntries(values)) as Partial<Options[K]>,
    problems: [...problems, ...read.problems.map(asWritten)],
  }
}
