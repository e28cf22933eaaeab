/** What people read of agents, and what they decide of them: `GET /v1/agents`, `…/{id}`, `POST …/ban`, `…/cordon`, `POST /v1/join-tokens`. */
import type { XStatic } from 'typebox/schema'
import { advertisedSchema, locationSchema } from './enrol.ts'
import { pageOf, pageQuery } from './page.ts'

const text = { type: 'string', minLength: 1, maxLength: 256 } as const
const when = { type: 'string', description: 'RFC 3339' } as const
const word = { type: 'string', minLength: 1, maxLength: 253, pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$', examples: ['us-east-1'] } as const
const workload = {
  type: 'object',
  required: ['namespace', 'serviceAccount'],
  properties: { namespace: { type: 'string' }, serviceAccount: { type: 'string' } },
} as const

/** `late` and `lost`: nothing was heard of it for longer than it keeps silent when all is well. */
export const agentStates = ['live', 'late', 'lost', 'draining', 'retired', 'banned'] as const
export type AgentState = (typeof agentStates)[number]

const markSchema = {
  type: 'object',
  required: ['author', 'reason', 'at'],
  properties: { author: { type: 'string' }, reason: { type: 'string' }, at: when },
} as const

export const agentSchema = {
  type: 'object',
  required: ['id', 'state', 'location', 'labels', 'advertise', 'proof', 'enrolledAt', 'lastSeenAt'],
  properties: {
    id: { type: 'string' },
    state: { enum: agentStates },
    location: locationSchema,
    labels: { type: 'object', additionalProperties: { type: 'string' } },
    advertise: { type: 'array', items: advertisedSchema, description: 'where others reach its responder' },
    version: { type: 'string' },
    spiffeId: { type: 'string', description: 'that its responder has' },
    runner: { ...workload, description: 'runs as this workload, only checks that name it' },
    proof: {
      type: 'object',
      required: ['kind', 'issuer', 'subject'],
      description: 'how it proved who it is',
      properties: { kind: { type: 'string' }, issuer: { type: 'string' }, subject: { type: 'string' } },
    },
    enrolledAt: when,
    lastSeenAt: when,
    cordoned: { ...markSchema, description: 'gets no paths and is nobody’s target' },
    banned: { ...markSchema, description: 'kept out, its credentials ended' },
  },
} as const

export const agentPageSchema = pageOf(agentSchema)

export const agentQuerySchema = {
  type: 'object',
  additionalProperties: false,
  required: ['limit'],
  properties: {
    ...pageQuery,
    cloud: text,
    region: { ...text, description: 'us-east-1, or aws/us-east-1' },
    zone: text,
    cluster: text,
    node: text,
    state: { enum: agentStates },
    cordoned: { type: 'boolean' },
  },
} as const

/** `lifted` instead of a reason takes the decision back; DELETE does the same. */
export const decisionSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    reason: { type: 'string', minLength: 1, maxLength: 1024, description: 'shown to everyone who wonders why' },
    lifted: { const: true, description: 'true: takes it back' },
  },
} as const

export const joinTokenRequestSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['cloud', 'region', 'labels'],
  properties: {
    agent: {
      type: 'string',
      minLength: 1,
      maxLength: 253,
      pattern: '^[A-Za-z0-9][A-Za-z0-9._/-]*$',
      examples: ['dc1/vm-7'],
      description: 'the id it gets; default: join/ and eight random letters',
    },
    cloud: word,
    region: word,
    zone: word,
    cluster: word,
    node: word,
    labels: { type: 'object', default: {}, additionalProperties: text, description: 'for choosing agents in the fleet file' },
  },
} as const

export const joinTokenAnswerSchema = {
  type: 'object',
  required: ['token', 'agentId', 'expiresAt'],
  properties: {
    token: { type: 'string', description: 'for one agent, once; told this one time' },
    agentId: { type: 'string' },
    expiresAt: when,
  },
} as const

export type AgentAnswer = XStatic<typeof agentSchema>
export type AgentQuery = XStatic<typeof agentQuerySchema>
export type Decision = XStatic<typeof decisionSchema>
export type JoinTokenRequest = XStatic<typeof joinTokenRequestSchema>
export type JoinTokenAnswer = XStatic<typeof joinTokenAnswerSchema>
