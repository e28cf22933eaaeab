/**
 * What all routes refuse alike, so that none has to think of it: questions of people that have unknown parameters (a filter that is misspelt would be left out
 * and show everything), encodings that nobody reads, and values that no store takes.
 */
import type { FastifyInstance } from 'fastify'
import type { Schema } from '../../wire/read.ts'
import { roles } from '../store/people.ts'
import { HttpProblem } from './problem.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Judges the encoding of its bodies itself. */
    ownEncoding?: boolean
  }
}

/** Before all routes that are to be so. */
export const addStrictness = (app: FastifyInstance): void => {
  app.addHook('onRoute', route => {
    if (!(roles as readonly (string | undefined)[]).includes(route.config?.access)) return
    const querystring = (route.schema?.querystring ?? { type: 'object', properties: {} }) as Schema
    route.schema = { ...route.schema, querystring: { ...querystring, additionalProperties: false } }
  })
  app.addHook('preParsing', async ({ headers, routeOptions }) => {
    const encoding = headers['content-encoding'] ?? 'identity'
    // RFC 9110 §15.5.16.
    if (encoding !== 'identity' && !routeOptions.config.ownEncoding)
      throw new HttpProblem(415, `the content encoding ${JSON.stringify(encoding)}, want none`)
  })
}

/** Of messages that have a form none is deeper than ten. Some that are would be too deep for JSON.stringify. */
const maxDepth = 64

/** Why no store takes it: the first thing that is wrong, and in which of its properties. PostgreSQL has no text with a NUL in it ("8.3. Character Types"). */
export const judgeStorable = (value: unknown): string | undefined => {
  if (typeof value !== 'object' || value === null) return judgeOne(value)
  for (const [key, inner] of Object.entries(value)) {
    const problem = key.includes('\0') ? nulKey : judgeOne(inner)
    if (problem !== undefined) return problem === nulKey ? problem : `${key.slice(0, 64)}: ${problem}`
  }
  return undefined
}

const nulKey = 'a key has a NUL character in it'

const judgeOne = (value: unknown): string | undefined => {
  let level: unknown[] = [value]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maxDepth) return `nested more than ${maxDepth} deep`
    const next: unknown[] = []
    for (const one of level) {
      if (typeof one === 'string' && one.includes('\0')) return 'a text has a NUL character in it'
      if (typeof one !== 'object' || one === null) continue
      if (Object.keys(one).some(key => key.includes('\0'))) return nulKey
      for (const inner of Object.values(one)) next.push(inner)
    }
    level = next
  }
  return undefined
}
