/** An endpoint of results in the agent's file. */
import { signals } from '../send/endpoint.ts'

const duration = { type: 'string', pattern: '^\\d{1,15}(\\.\\d{1,9})?(us|µs|ms|s|m|h)$', examples: ['10s', '5m'] } as const
export const word = { type: 'string', minLength: 1, maxLength: 253, pattern: '^[^\\s/]+$' } as const

/** A secret is never written into the file: it names where it is. */
export const secret = {
  anyOf: [
    { type: 'string' },
    { type: 'object', additionalProperties: false, required: ['env'], properties: { env: { type: 'string' } } },
    { type: 'object', additionalProperties: false, required: ['file'], properties: { file: { type: 'string' } } },
  ],
  description: 'a text, { env: NAME } or { file: path }',
} as const

export const endpoint = {
  type: 'object',
  additionalProperties: false,
  required: ['url'],
  properties: {
    name: { ...word, description: 'default: its host and port' },
    url: {
      type: 'string',
      pattern: '^https?://[^\\s]+$',
      examples: ['https://collector.example:4318'],
      description: 'OTLP/HTTP base: /v1/metrics, /v1/logs and /v1/traces are added',
    },
    signals: {
      type: 'array',
      items: { enum: signals },
      minItems: 1,
      uniqueItems: true,
      description: 'what it takes; traces are the spans of http checks; default: all',
      examples: ['[metrics, logs]'],
    },
    encoding: { enum: ['protobuf', 'json'], description: 'default: protobuf' },
    compression: { enum: ['gzip', 'none'], description: 'default: gzip' },
    headers: {
      type: 'object',
      additionalProperties: secret,
      description: 'of each request; each a text, { env: NAME } or { file: path }: a secret need not stand in this file',
    },
    timeout: { ...duration, description: 'for one request, from the dial to the last byte of the answer; default: 10s' },
    order: { enum: ['oldest', 'newest'], description: 'which records go first after an outage; default: oldest' },
    ca: { type: 'string', description: 'PEM file of authorities to trust instead of the public ones' },
    cert: { type: 'string', description: 'PEM file of a client certificate' },
    key: { type: 'string', description: 'PEM file of its key' },
    svid: { type: 'boolean', description: "authenticate with the agent's own SVID" },
  },
} as const
