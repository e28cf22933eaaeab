/** What of the measurements is asked for: `GET /v1/paths`, `/v1/links`, `/v1/targets`, `/v1/history`, `/v1/slo`. */
import type { XStatic } from 'typebox/schema'
import { historyGroups, measuredVerdicts } from './measured.ts'
import { pageQuery } from './page.ts'

const text = { type: 'string', minLength: 1, maxLength: 1024 } as const
/** Longer than the history is kept nobody need ask. */
const span = { type: 'string', pattern: '^\\d{1,6}(\\.\\d{1,3})?(s|m|h|d)$', examples: ['10m', '24h', '30d'] } as const
const placeForm = { ...text, pattern: '^[^/\\s]+(/[^/\\s]+)?$', examples: ['aws', 'aws/us-east-1'] } as const

const filters = {
  agent: { ...text, description: 'id' },
  check: text,
  kind: text,
  target: text,
  from: { ...placeForm, description: 'cloud, or cloud/region' },
  to: { ...placeForm, description: 'cloud, or cloud/region' },
} as const
const verdict = { enum: measuredVerdicts } as const
const window = { ...span, default: '10m', description: 'how far back: 10m, 24h, 30d' } as const

export const pathQuerySchema = {
  type: 'object',
  additionalProperties: false,
  required: ['limit', 'window'],
  properties: { ...pageQuery, window, ...filters, verdict },
} as const
export const linkQuerySchema = {
  type: 'object',
  additionalProperties: false,
  required: ['limit', 'window'],
  properties: { ...pageQuery, window, from: filters.from, to: filters.to, check: text, kind: text, verdict, owner: text },
} as const
export const targetQuerySchema = {
  type: 'object',
  additionalProperties: false,
  required: ['limit', 'window'],
  properties: { ...pageQuery, window, target: text, owner: text, location: placeForm, check: text, kind: text, verdict },
} as const
export const historyQuerySchema = {
  type: 'object',
  additionalProperties: false,
  required: ['limit', 'groupBy'],
  properties: {
    ...pageQuery,
    groupBy: { enum: historyGroups, default: 'link', description: 'what becomes one row' },
    window: { ...span, description: 'how far back from until; default 1h' },
    since: { ...text, description: 'RFC 3339, or how long ago: 30m; instead of window' },
    until: { ...text, description: 'RFC 3339; default now' },
    step: { ...span, examples: ['1m', '1h'], description: 'a row for each such part of the time; default: one for all of it' },
    ...filters,
    path: { ...text, description: 'id of a path' },
  },
} as const
export const sloQuerySchema = {
  type: 'object',
  additionalProperties: false,
  required: ['limit'],
  properties: {
    ...pageQuery,
    month: {
      type: 'string',
      pattern: '^20\\d{2}-(0[1-9]|1[0-2])$',
      examples: ['2026-11'],
      description: 'a calendar month, UTC: 2026-11; default the one that it is',
    },
    window: { ...span, description: 'how far back instead of a month: 30d' },
    from: filters.from,
    to: filters.to,
    owner: text,
  },
} as const

export type PathQuery = XStatic<typeof pathQuerySchema>
export type LinkQuery = XStatic<typeof linkQuerySchema>
export type TargetQuery = XStatic<typeof targetQuerySchema>
export type HistoryQuery = XStatic<typeof historyQuerySchema>
export type SloQuery = XStatic<typeof sloQuerySchema>
