/** What applying a fleet file would change, as it is told before anything is applied. */
import type { XStatic } from 'typebox/schema'

const number = { type: 'number' } as const
const count = { type: 'integer', minimum: 0 } as const
const text = { type: 'string' } as const

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
      items: { type: 'object', required: ['check', 'why'], properties: { check: text, why: { enum: ['agents', 'targets'] } } },
    },
  },
} as const

export type PlanDifference = XStatic<typeof planDifferenceSchema>
