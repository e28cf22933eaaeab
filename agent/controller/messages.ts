/** What a controller says, read with tolerance: it may be a version ahead. Unknown fields are ignored; the work itself is read by the agent, part by part. */
import { assignmentMessageSchema, drainMessageSchema, runMessageSchema } from '../../wire/api/assignments.ts'
import { type CredentialAnswer, credentialAnswerSchema } from '../../wire/api/enrol.ts'
import { printSteps } from '../../wire/problem.ts'
import { readKnown, type Schema } from '../../wire/read.ts'
import { bad, good, type Parsed } from '../../wire/values.ts'

/** `work`: targets and checks as they came. */
export type AssignmentHead = { revision: string; generation: number; work: unknown }
export type RunHead = { id: string; withinMs: number; work: unknown }

/** What is needed to answer at all. */
const headOf = ({ properties }: { properties: Readonly<Record<string, Schema>> }, required: readonly string[]): Schema => ({
  type: 'object',
  required,
  properties: Object.fromEntries(required.map(key => [key, properties[key]!])),
})
const assignmentHead = headOf(assignmentMessageSchema, ['revision', 'generation'])
const runHead = headOf(runMessageSchema, ['id', 'withinMs'])

export const readAssignmentMessage = (text: string): Parsed<AssignmentHead> =>
  read(text, assignmentHead, (head, work) => ({ ...head, work }))
export const readRunMessage = (text: string): Parsed<RunHead> => read(text, runHead, (head, work) => ({ ...head, work }))
export const readDrainMessage = (text: string): Parsed<{ afterMs: number }> => read(text, drainMessageSchema)
export const readCredentialAnswer = (text: string): Parsed<CredentialAnswer> => read(text, credentialAnswerSchema)

// biome-ignore lint/suspicious/noExplicitAny: the schema has just been held against it.
const read = <T>(text: string, schema: Schema, build: (head: any, whole: unknown) => T = head => head): Parsed<T> => {
  let whole: unknown
  try {
    whole = JSON.parse(text)
  } catch {
    return bad('is no JSON')
  }
  const { value, problems } = readKnown(schema, whole)
  if (problems.length > 0) return bad(...problems.map(({ steps, message }) => [printSteps(steps), message].filter(Boolean).join(': ')))
  return good(build(value, whole))
}
