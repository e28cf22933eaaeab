/** The fleet's documents and what applying one would change: `GET /v1/fleet`, `PUT /v1/fleet?dryRun`. */
import type { XStatic } from 'typebox/schema'
import { pageQuery } from './page.ts'
import { planDifferenceSchema } from './plan-difference.ts'
import { problemDocumentSchema } from './problem-document.ts'

/** Of the body of PUT: the text of a fleet file. JSON is YAML too. */
export const fleetMediaTypes = ['application/yaml', 'text/yaml', 'application/json'] as const

const count = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER } as const
const text = { type: 'string' } as const
const when = { type: 'string', description: 'RFC 3339' } as const
const generation = { ...count, description: "the whole fleet's: it grows with each document that is applied" } as const

const generationSchema = {
  type: 'object',
  required: ['generation', 'owner', 'author', 'at'],
  properties: { generation, owner: text, author: text, at: when },
} as const

export const fleetAnswerSchema = {
  type: 'object',
  required: ['generation', 'documents', 'generations', 'next'],
  properties: {
    generation,
    documents: {
      type: 'array',
      description: 'the newest of each owner, or as of ?generation',
      items: {
        ...generationSchema,
        required: [...generationSchema.required, 'document'],
        properties: { ...generationSchema.properties, document: { type: 'object', additionalProperties: true } },
      },
    },
    generations: { type: 'array', items: generationSchema, description: 'newest first' },
    next: { anyOf: [{ type: 'string' }, { type: 'null' }], description: '`after` of the generations before; null: these were all' },
  },
} as const

export const fleetQuerySchema = {
  type: 'object',
  additionalProperties: false,
  required: ['limit'],
  properties: {
    ...pageQuery,
    generation: { ...count, description: 'as of this one; default: now' },
    owner: { type: 'string', minLength: 1, maxLength: 256 },
  },
} as const

export const applyQuerySchema = {
  type: 'object',
  additionalProperties: false,
  required: ['dryRun'],
  properties: {
    dryRun: { type: 'boolean', default: false, description: 'only say what it would change' },
    expected: { ...count, description: 'the generation it was planned against: another since then is a conflict; as If-Match' },
  },
} as const

export const applyAnswerSchema = {
  type: 'object',
  required: ['owner', 'outcome', 'generation', 'warnings', 'plan'],
  properties: {
    owner: text,
    outcome: { enum: ['planned', 'applied', 'unchanged'], description: 'planned: a dry run; unchanged: it is what the owner has already' },
    generation: { ...generation, description: "the fleet's now; what a dry run was planned against" },
    warnings: problemDocumentSchema.properties.problems,
    plan: planDifferenceSchema,
  },
} as const

export type FleetAnswer = XStatic<typeof fleetAnswerSchema>
export type FleetQuery = XStatic<typeof fleetQuerySchema>
export type ApplyQuery = XStatic<typeof applyQuerySchema>
export type ApplyAnswer = XStatic<typeof applyAnswerSchema>
