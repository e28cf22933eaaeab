/** Runs that people ask for: `POST /v1/runs` says from where, to where and what; `GET /v1/runs/{id}` what came of it. */
import type { XStatic } from 'typebox/schema'
import { kinds } from '../result.ts'
import { watchAskSchema } from './watches.ts'

const place = { type: 'string', minLength: 1, maxLength: 256 } as const

export const runRequestSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['from', 'to', 'bothWays', 'agents', 'options'],
  properties: {
    from: { ...place, description: 'a location (cloud/region) or the id of an agent', examples: ['aws/us-east-1'] },
    to: { ...place, description: 'a location, the id of an agent, or the name of a target', examples: ['azure/eastus'] },
    bothWays: { type: 'boolean', default: false, description: 'also from `to` to `from`; both have agents then' },
    kinds: {
      type: 'array',
      minItems: 1,
      maxItems: kinds.length,
      items: { enum: kinds },
      description: 'what to measure; default: icmp, tcp and mtu, and dns for a target that is a name',
    },
    agents: { type: 'integer', minimum: 1, maximum: 10, default: 2, description: 'how many agents run it, per direction' },
    options: {
      type: 'object',
      additionalProperties: { type: 'object' },
      default: {},
      description: 'by kind, as in a check: { tcp: { payload: 64KiB } }',
      examples: [],
    },
    watch: watchAskSchema,
  },
} as const

export const runParamsSchema = {
  type: 'object',
  required: ['id'],
  properties: { id: { type: 'string', minLength: 1, maxLength: 128 } },
} as const

export const runStates = ['waiting', 'running', 'done', 'expired'] as const
export const directions = ['forward', 'reverse'] as const
const verdicts = ['ok', 'degraded', 'fail', 'unmeasured'] as const
const anyObject = { type: 'object', additionalProperties: true } as const
const texts = { type: 'array', items: { type: 'string' } } as const

/** One agent against one target; `results`, `diagnosis` and `verdict` as of `probe run`. */
const attemptSchema = {
  type: 'object',
  required: ['agent', 'direction', 'target', 'state', 'verdict', 'results', 'diagnosis', 'problems'],
  properties: {
    agent: { type: 'string' },
    direction: { enum: directions },
    target: { ...anyObject, required: ['name', 'address'], properties: { name: { type: 'string' }, address: { type: 'string' } } },
    state: { enum: runStates, description: 'waiting: the agent has not been told yet; running: it has and has not finished' },
    verdict: { enum: verdicts },
    results: { type: 'array', items: anyObject },
    diagnosis: { type: 'array', items: anyObject },
    problems: { ...texts, description: 'what could not be run, and why' },
    watch: {
      ...anyObject,
      required: ['events'],
      properties: { events: { type: 'array', items: anyObject }, begun: anyObject, document: anyObject },
      description: 'of a watch: its numbered events, those after `after` when that was asked, and at the end its summary',
    },
  },
} as const

export const runAnswerSchema = {
  type: 'object',
  required: ['schema', 'id', 'state', 'verdict', 'createdAt', 'expiresAt', 'author', 'asked', 'agents'],
  properties: {
    schema: { const: 'causeway.check/1' },
    id: { type: 'string' },
    state: { enum: runStates },
    verdict: { enum: verdicts, description: 'of what there is so far; of a run that is done, of all of it' },
    createdAt: { type: 'string' },
    expiresAt: { type: 'string', description: 'afterwards no results are taken any more' },
    author: { type: 'string' },
    asked: anyObject,
    agents: { type: 'array', items: attemptSchema },
  },
} as const

export type RunRequest = XStatic<typeof runRequestSchema>
export type RunState = (typeof runStates)[number]
export type Attempt = XStatic<typeof attemptSchema>
export type RunAnswer = XStatic<typeof runAnswerSchema>
