/**
 * How an agent becomes one of the fleet: `POST /v1/enrol` with a proof of who it is, `POST /v1/enrol/renew` before its credential ends. Between agents and
 * controllers unknown fields are ignored: they may be a version apart.
 */
import type { XStatic } from 'typebox/schema'

const text = { type: 'string', minLength: 1, maxLength: 256 } as const
const token = { type: 'string', minLength: 1, maxLength: 16_384 } as const
const port = { type: 'integer', minimum: 1, maximum: 65_535 } as const

/** `spiffe`: the proof is the client certificate of the TLS connection that the request comes on. */
export const proofSchema = {
  anyOf: [
    { type: 'object', required: ['kind', 'token'], properties: { kind: { const: 'kubernetes' }, token } },
    { type: 'object', required: ['kind', 'token'], properties: { kind: { const: 'join' }, token } },
    { type: 'object', required: ['kind'], properties: { kind: { const: 'spiffe' } } },
  ],
  description: 'a projected token, a join token, or the SVID of the connection',
} as const

export const advertisedSchema = {
  type: 'object',
  required: ['scope', 'host'],
  properties: {
    scope: { enum: ['pod', 'node', 'loadBalancer'], description: 'how far away it can be reached' },
    host: { ...text, description: 'an address or a name' },
    ports: {
      type: 'object',
      description: 'where they differ from 7460, 7461 and 7462',
      properties: { echo: port, tls: port, mtls: port },
    },
  },
} as const

export const detailsSchema = {
  type: 'object',
  description: 'what the agent says of itself and nothing is decided by',
  properties: {
    version: text,
    boot: { ...text, description: 'of this life of the process: what its records are numbered within' },
    spiffeId: { ...text, maxLength: 2048, description: 'that its responder has' },
    serves: { type: 'array', maxItems: 3, items: { enum: ['echo', 'tls', 'mtls'] }, description: 'the ports that its responder has open' },
  },
} as const

export const enrolRequestSchema = {
  type: 'object',
  required: ['proof', 'claimed', 'runner', 'labels', 'advertise', 'details'],
  properties: {
    proof: proofSchema,
    claimed: {
      type: 'object',
      default: {},
      description: 'what it takes itself for: repeats what the proof says, and adds the zone',
      properties: { id: text, cloud: text, region: text, zone: text, cluster: text, node: text },
    },
    runner: { type: 'boolean', default: false, description: 'runs as the proved workload, only checks that name it' },
    labels: { type: 'object', default: {}, additionalProperties: text, description: 'for choosing agents in the fleet file' },
    advertise: { type: 'array', default: [], maxItems: 16, items: advertisedSchema, description: 'where its responder is reached' },
    details: { ...detailsSchema, default: {} },
  },
} as const

export const renewRequestSchema = {
  type: 'object',
  required: ['labels', 'advertise', 'details'],
  properties: {
    labels: enrolRequestSchema.properties.labels,
    advertise: enrolRequestSchema.properties.advertise,
    details: enrolRequestSchema.properties.details,
  },
} as const

/** Where an agent is, as its proof says. */
export const locationSchema = {
  type: 'object',
  required: ['cloud', 'region'],
  properties: {
    cloud: { type: 'string' },
    region: { type: 'string' },
    zone: { type: 'string' },
    cluster: { type: 'string' },
    node: { type: 'string' },
  },
} as const

export const credentialAnswerSchema = {
  type: 'object',
  required: ['agentId', 'credential', 'expiresAt', 'location'],
  properties: {
    agentId: { type: 'string' },
    credential: { type: 'string', description: 'for `authorization: Bearer`' },
    expiresAt: { type: 'string', description: 'RFC 3339; renew at half of its life' },
    location: locationSchema,
  },
} as const

export type EnrolRequest = XStatic<typeof enrolRequestSchema>
export type RenewRequest = XStatic<typeof renewRequestSchema>
export type CredentialAnswer = XStatic<typeof credentialAnswerSchema>
