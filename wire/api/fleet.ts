/** The fleet's documents and what applying one would change: `GET /v1/fleet`, `PUT /v1/fleet?dryRun`. */
import type { XStatic } from 'typebox/schema'
import { pageQuery } from './page.ts'
import { problemDocumentSchema } from './problem-document.ts'

/** Of the body of PUT: the text of a fleet file. JSON is YAML too. */
export const fleetMediaTypes = ['application/yaml', 'text/yaml', 'application/json'] as const

const number = { type: 'number' } as const
const count = { type: 'integer', minimum: 0 } as const
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

const totals = {
  type: 'object',
  required: ['paths', 'series', 'packetsPerSecond', 'probeBytesPerSecond', 'telemetryBytesPerSecond', 'costPerMonth'],
  properties: {
    paths: number,
    series: number,
    packetsPerSecond: number,
    probeBytesPerSecond: number,
    telemetryBytesPerSecond: number,
    costPerMonth: { type: 'object', additionalProperties: number, description: 'by currency' },
  },
} as const
const linkLoad = {
  type: 'object',
  required: [
    'from',
    'to',
    'paths',
    'agentPairs',
    'packetsPerSecond',
    'probeBytesPerSecond',
    'telemetryBytesPerSecond',
    'price',
    'costPerMonth',
  ],
  properties: {
    from: text,
    to: text,
    paths: number,
    agentPairs: number,
    packetsPerSecond: number,
    probeBytesPerSecond: number,
    telemetryBytesPerSecond: number,
    price: {
      type: 'object',
      required: ['perGB', 'currency', 'from'],
      description: 'per 10⁹ bytes that leave',
      properties: { perGB: number, currency: text, asOf: text, from: { enum: ['link', 'prices', 'default', 'none'] } },
    },
    costPerMonth: number,
  },
} as const
const loadOrNull = { anyOf: [linkLoad, { type: 'null' }] } as const
const path = { type: 'object', required: ['agent', 'check', 'target'], properties: { agent: text, check: text, target: text } } as const
const paths = { type: 'array', items: path } as const
const counts = {
  type: 'object',
  required: ['added', 'removed', 'changed'],
  properties: { added: count, removed: count, changed: count },
} as const

/** What a document changes: paths, what they cost, and what is not covered after it. */
export const planDifferenceSchema = {
  type: 'object',
  required: [
    'agents',
    'paths',
    'added',
    'removed',
    'changed',
    'before',
    'after',
    'links',
    'meshLinks',
    'atLimit',
    'uncovered',
    'withoutAddress',
    'underProbed',
    'idle',
  ],
  properties: {
    agents: { ...count, description: 'live ones that it was planned for' },
    paths: counts,
    added: { ...paths, description: 'the first of them' },
    removed: paths,
    changed: { ...paths, description: 'another interval, other options or another address' },
    before: totals,
    after: totals,
    links: {
      type: 'array',
      description: 'of which anything differs; null: there is none on that side',
      items: {
        type: 'object',
        required: ['from', 'to', 'before', 'after'],
        properties: { from: text, to: text, before: loadOrNull, after: loadOrNull },
      },
    },
    meshLinks: { type: 'object', required: ['total', 'covered'], properties: { total: count, covered: count } },
    atLimit: {
      type: 'array',
      items: {
        type: 'object',
        required: ['agent', 'limit', 'value', 'most'],
        properties: { agent: text, limit: { enum: ['maxTargets', 'probesPerSecond'] }, mesh: text, value: number, most: number },
      },
    },
    uncovered: {
      type: 'array',
      items: {
        type: 'object',
        required: ['mesh', 'from', 'to', 'pairs', 'wanted', 'why'],
        properties: { mesh: text, from: text, to: text, pairs: count, wanted: count, why: { enum: ['agents', 'limit', 'address'] } },
      },
    },
    withoutAddress: {
      type: 'array',
      items: {
        type: 'object',
        required: ['mesh', 'from', 'to', 'reach', 'advertised'],
        properties: {
          mesh: text,
          from: text,
          to: text,
          reach: { type: 'array', items: text, description: 'which of its addresses the other side could reach' },
          advertised: { type: 'array', items: text },
        },
      },
    },
    underProbed: {
      type: 'array',
      items: {
        type: 'object',
        required: ['agent', 'mesh', 'probers', 'wanted'],
        properties: { agent: text, mesh: text, probers: count, wanted: count },
      },
    },
    idle: {
      type: 'array',
      description: 'checks that nobody runs',
      items: { type: 'object', required: ['check', 'why'], properties: { check: text, why: { enum: ['kind', 'agents', 'targets'] } } },
    },
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
export type PlanDifference = XStatic<typeof planDifferenceSchema>
export type ApplyAnswer = XStatic<typeof applyAnswerSchema>
