/** What is wrong and what people decided about it: `/v1/incidents`, `/v1/silences`, `/v1/maintenance`, `/v1/changes`. */
import type { XStatic } from 'typebox/schema'
import { name } from '../assignment.ts'
import { causes, layers } from '../causes.ts'
import { pageOf, pageQuery } from './page.ts'

const text = { type: 'string', minLength: 1, maxLength: 256 } as const
const texts = { type: 'array', items: { type: 'string' } } as const
const when = { type: 'string', description: 'RFC 3339' } as const
const nothing = { type: 'null' } as const
const severity = { enum: ['page', 'ticket'] } as const
const place = { ...text, pattern: '^[^/\\s]+(/[^/\\s]+){0,2}$', examples: ['aws', 'aws/us-east-1'] } as const

export const incidentStates = ['open', 'ended'] as const

const headProperties = {
  id: { type: 'string' },
  key: { type: 'string', description: 'made of the place and the layer: receivers know the incident by it' },
  state: { enum: incidentStates },
  severity,
  title: { type: 'string' },
  place: { type: 'string' },
  layer: { anyOf: [{ enum: layers }, nothing] },
  cause: { type: 'string', description: 'of docs/reference/causes.md, or what it is where none of them is known' },
  direction: { type: 'string' },
  rules: texts,
  since: { ...when, description: 'the first bad window' },
  openedAt: when,
  endedAt: when,
  end: { type: 'string', description: 'why it ended' },
  impact: { type: 'string' },
  silenced: { type: 'boolean' },
  ack: {
    type: 'object',
    required: ['author', 'at'],
    properties: { author: { type: 'string' }, at: when, note: { type: 'string' } },
  },
} as const
const headRequired = [
  'id',
  'key',
  'state',
  'severity',
  'title',
  'place',
  'layer',
  'cause',
  'rules',
  'since',
  'openedAt',
  'impact',
  'silenced',
] as const

export const incidentHeadSchema = { type: 'object', required: headRequired, properties: headProperties } as const
export const incidentSchema = {
  type: 'object',
  required: [...headRequired, 'evidence', 'against', 'changed', 'fixes', 'next', 'runbook', 'paths', 'agents', 'timeline'],
  properties: {
    ...headProperties,
    evidence: texts,
    against: { ...texts, description: 'what is well nearby, and so is not to blame' },
    runnerUp: { type: 'string', description: 'the next likely place or cause' },
    changed: { ...texts, description: 'what changed lately' },
    fixes: {
      type: 'array',
      items: { type: 'object', required: ['where', 'command'], properties: { where: { type: 'string' }, command: { type: 'string' } } },
    },
    next: { type: 'string', description: 'the next command to run' },
    runbook: { type: 'string' },
    paths: { ...texts, description: 'ids of the paths that it explains, and what else is bad' },
    agents: texts,
    timeline: {
      type: 'array',
      items: {
        type: 'object',
        required: ['at', 'kind', 'text'],
        properties: { at: when, kind: { type: 'string' }, text: { type: 'string' } },
      },
    },
  },
} as const
export const incidentPageSchema = pageOf(incidentHeadSchema)

export const incidentQuerySchema = {
  type: 'object',
  additionalProperties: false,
  required: ['limit'],
  properties: {
    ...pageQuery,
    state: { enum: incidentStates, description: 'default: open ones' },
    severity,
    cause: { ...text, description: causes.slice(0, 2).join(', ') },
    place,
    window: {
      type: 'string',
      pattern: '^\\d{1,6}(\\.\\d{1,3})?(s|m|h|d)$',
      examples: ['24h'],
      description: 'of ended ones: how far back [7d]',
    },
  },
} as const

export const ackSchema = {
  type: 'object',
  additionalProperties: false,
  properties: { note: { type: 'string', minLength: 1, maxLength: 1024, description: 'shown beside the incident' } },
} as const

export const matchSchema = {
  type: 'object',
  additionalProperties: false,
  description: 'everything that is given has to fit',
  properties: {
    incident: { ...text, description: 'the id or the key of one' },
    rule: name,
    cause: text,
    severity,
    check: name,
    target: text,
    agent: text,
    place: { ...place, description: 'a cloud, region or zone at either end' },
    from: place,
    to: place,
  },
} as const

const reason = { type: 'string', minLength: 1, maxLength: 1024, description: 'shown to everyone who wonders why' } as const
const time = {
  type: 'string',
  maxLength: 40,
  pattern: '^\\d{4}-\\d{2}-\\d{2}T\\S+$',
  examples: ['2026-11-22T20:00:00Z'],
  description: 'RFC 3339',
} as const
const forSpan = { type: 'string', pattern: '^\\d{1,6}(\\.\\d{1,3})?(s|m|h|d)$', examples: ['2h'] } as const

/** With an end: a silence that nobody ends hides what it was not made for. */
export const silenceRequestSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['reason', 'match'],
  properties: {
    reason,
    match: matchSchema,
    start: { ...time, description: 'default: now' },
    end: { ...time, description: 'or for: one of both' },
    for: { ...forSpan, description: 'how long, instead of end' },
  },
} as const
export const changeRequestSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['reason', 'match'],
  properties: {
    reason: { ...reason, description: 'what was changed' },
    match: { ...matchSchema, default: {} },
    start: { ...time, description: 'when; default: now' },
    acceptBaseline: { type: 'boolean', description: 'what is measured from then on is usual' },
  },
} as const

export const decisionAnswerSchema = {
  type: 'object',
  required: ['id', 'author', 'reason', 'match', 'start', 'createdAt', 'active'],
  properties: {
    id: { type: 'string' },
    kind: { type: 'string' },
    author: { type: 'string' },
    reason: { type: 'string' },
    match: { type: 'object', additionalProperties: { type: 'string' } },
    start: when,
    end: when,
    createdAt: when,
    active: { type: 'boolean' },
  },
} as const
export const decisionPageSchema = pageOf(decisionAnswerSchema)
export const decisionQuerySchema = {
  type: 'object',
  additionalProperties: false,
  required: ['limit'],
  properties: { ...pageQuery, window: { ...forSpan, description: 'also those that ended so lately' } },
} as const

export type IncidentHead = XStatic<typeof incidentHeadSchema>
export type IncidentAnswer = XStatic<typeof incidentSchema>
export type IncidentQuery = XStatic<typeof incidentQuerySchema>
export type AckRequest = XStatic<typeof ackSchema>
export type SilenceRequest = XStatic<typeof silenceRequestSchema>
export type ChangeRequest = XStatic<typeof changeRequestSchema>
export type DecisionAnswer = XStatic<typeof decisionAnswerSchema>
export type DecisionQuery = XStatic<typeof decisionQuerySchema>
