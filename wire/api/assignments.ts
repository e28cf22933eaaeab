/**
 * What a controller tells an agent on `GET /v1/assignments` (server-sent events) and what the agent says to it. The data of each event is JSON. Unknown fields
 * and unknown events are ignored: either side may be a version ahead.
 */
import type { XStatic } from 'typebox/schema'
import { checkSchema, targetSchema } from '../assignment.ts'
import { open } from '../open.ts'
import { watchAskSchema, watchPartSchema } from './watches.ts'

const id = { type: 'string', minLength: 1, maxLength: 128 } as const
const count = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER } as const
const targetMessage = open(targetSchema)
const checkMessage = open(checkSchema)

/** Event `assignment`: all that the agent is to do, in place of what it was told before. Its `id` is the revision. */
export const assignmentMessageSchema = {
  type: 'object',
  required: ['revision', 'generation', 'targets', 'checks'],
  properties: {
    revision: { ...id, description: 'of this assignment: the same for the same content' },
    generation: { ...count, description: "the fleet's, which it was planned from" },
    targets: { type: 'array', items: targetMessage },
    checks: { type: 'array', items: checkMessage },
    probesPerSecond: { type: 'number', minimum: 0, description: "never more than the agent's own policy allows" },
  },
} as const

/** Event `run`: once, now, beside the schedule; `every` of its checks says nothing. Answered by `POST /v1/runs/{id}/results`. */
export const runMessageSchema = {
  type: 'object',
  required: ['id', 'withinMs', 'targets', 'checks'],
  properties: {
    id: { ...id, description: 'of the part of the run that is this agent’s' },
    withinMs: { type: 'number', minimum: 0, description: 'after so long nobody waits for the results any more' },
    targets: { type: 'array', items: targetMessage },
    checks: { type: 'array', items: checkMessage },
    watch: {
      ...open(watchAskSchema),
      description: 'the one check is to be watched; an agent that does not know this runs it once, and is told from one that does by that',
    },
  },
} as const

/** Event `drain`: this controller ends; come back after so long, it or another will be there. */
export const drainMessageSchema = {
  type: 'object',
  required: ['afterMs'],
  properties: { afterMs: { type: 'number', minimum: 0 } },
} as const

export const acknowledgementSchema = {
  type: 'object',
  required: ['revision', 'generation', 'outcome', 'problems'],
  properties: {
    revision: id,
    generation: count,
    outcome: {
      enum: ['running', 'refused', 'leaving'],
      description: 'refused: the one before goes on; leaving: this agent ends, on purpose',
    },
    problems: {
      type: 'array',
      default: [],
      maxItems: 1000,
      items: { type: 'string', maxLength: 1024 },
      description: 'why not, or which parts of it not',
    },
    paths: { ...count, description: 'that it runs now' },
  },
} as const

export const resultsMessageSchema = {
  type: 'object',
  required: ['results'],
  properties: {
    results: {
      type: 'array',
      maxItems: 1000,
      description: 'results as of `probe run`, each with its check and the name of its target',
      items: { type: 'object', required: ['kind', 'outcome'], properties: { kind: { type: 'string' }, outcome: { type: 'object' } } },
    },
    problems: {
      type: 'array',
      default: [],
      maxItems: 1000,
      items: { type: 'string', maxLength: 1024 },
      description: 'what could not be run, and why',
    },
    watch: { ...watchPartSchema, description: 'what a watch has seen since the part before' },
    done: { type: 'boolean', default: true, description: 'false: more will come' },
  },
} as const

export type AssignmentMessage = XStatic<typeof assignmentMessageSchema>
export type RunMessage = XStatic<typeof runMessageSchema>
export type DrainMessage = XStatic<typeof drainMessageSchema>
export type Acknowledgement = XStatic<typeof acknowledgementSchema>
export type ResultsMessage = XStatic<typeof resultsMessageSchema>

/** What comes every so often on a stream that has nothing to say, so that both ends know that it is there; after three of them missing the agent dials anew. */
export const heartbeatMs = 15_000
export const silenceMs = 3 * heartbeatMs
