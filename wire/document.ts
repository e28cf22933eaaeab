/** Files that people write: YAML (and with it JSON) held against a schema literal, every problem at once, with its place and its line. */
import { type Problem, printSteps, type Steps } from './problem.ts'
import { readBySchema, type Schema } from './read.ts'
import { readYaml } from './yaml.ts'

/** `value` fits the schema, with its defaults, frozen. `at` makes a problem of something that only the caller knows to be wrong. */
export type Read<T> =
  | { ok: true; value: T; at: (steps: Steps, message: string, isKey?: boolean) => Problem }
  | { ok: false; problems: Problem[]; partial?: Partial }

/** What was read of a document that does not fit: the value as it is, what is wrong with which place of it, and how to name one. */
export type Partial = { value: unknown; wrong: readonly Steps[]; at: (steps: Steps, message: string, isKey?: boolean) => Problem }

/** `agent.yaml:12: checks[0].every: …` */
export const formatProblem = (file: string, { path, line, message }: Problem): string =>
  `${file}${line === undefined ? '' : `:${line}`}: ${path === '' ? '' : `${path}: `}${message}`

/** Reads one document. An empty one is an empty object. Never throws. */
export const readDocument = <T>(text: string, schema: Schema): Read<T> => {
  const yaml = readYaml(text)
  if (!yaml.ok) return yaml
  const at = (steps: Steps, message: string, isKey?: boolean): Problem => ({
    path: printSteps(steps),
    line: yaml.lineOf(steps, isKey),
    message,
  })
  const { value, problems } = readBySchema(schema, yaml.value ?? {})
  if (problems.length === 0) return { ok: true, value: value as T, at }
  const placed = problems.map(({ steps, message, isKey }) => at(steps, message, isKey))
  const partial = { value, wrong: problems.map(({ steps }) => steps), at }
  return { ok: false, problems: placed.sort((a, b) => (a.line ?? 0) - (b.line ?? 0)), partial }
}
