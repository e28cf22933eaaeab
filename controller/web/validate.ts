/**
 * Holds what is sent against the schema of its message with the reader that the fleet file has: every problem at once, each with its place and its remedy,
 * and the defaults filled in. What comes in an address is text, and is read as what its schema wants.
 */
import type { FastifySchemaCompiler } from 'fastify'
import { type Problem, printSteps } from '../../wire/problem.ts'
import { isObject, readBySchema, type Schema } from '../../wire/read.ts'
import { HttpProblem } from './problem.ts'
import { judgeStorable } from './strict.ts'

const words = { body: 'the body', querystring: 'the query', params: 'the path', headers: 'the headers' } as const

/** For Fastify's `setValidatorCompiler`. */
export const compileValidator: FastifySchemaCompiler<Schema> = ({ schema, httpPart }) => {
  const part = httpPart as keyof typeof words
  return (given: unknown) => {
    const unstorable = judgeStorable(given)
    if (unstorable !== undefined) return { error: new HttpProblem(400, `${words[part]}: ${unstorable}`) }
    const { value, problems } = readBySchema(schema, part === 'body' ? given : fromTexts(schema, given))
    if (problems.length === 0) return { value }
    const placed = problems.map(({ steps, message }): Problem => ({ path: printSteps(steps), message }))
    const [first] = placed
    const detail = `${words[part]}: ${first!.path === '' ? '' : `${first!.path}: `}${first!.message}`
    return { error: new HttpProblem(400, detail, { problems: placed }) }
  }
}

/** Numbers and truths out of texts; a name without a value (`?dryRun`) is true, one that came twice a list. */
const fromTexts = (schema: Schema, given: unknown): unknown => {
  if (!isObject(given)) return given
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, fromText(schema.properties?.[name], value)]))
}

const fromText = (schema: Schema | undefined, value: unknown): unknown => {
  if (schema?.type === 'array') return [value].flat().map(one => fromText(schema.items, one))
  if (typeof value !== 'string') return value
  if (schema?.type === 'boolean') return value === '' || value === 'true' ? true : value === 'false' ? false : value
  if (schema?.type === 'integer' || schema?.type === 'number')
    return value.trim() === '' || Number.isNaN(Number(value)) ? value : Number(value)
  return value
}
