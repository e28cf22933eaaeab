/** The controller's file. JSON Schema literals, as in `wire/options.ts`: one truth for the type and the validation. Everything has a default. */
import type { XStatic } from 'typebox/schema'
import { duration } from '../../wire/assignment.ts'

const text = { type: 'string', minLength: 1, maxLength: 2048 } as const
/** A secret need not stand in the file: it may say where it is. */
const secret = {
  anyOf: [
    text,
    { type: 'object', additionalProperties: false, required: ['env'], properties: { env: text } },
    { type: 'object', additionalProperties: false, required: ['file'], properties: { file: text } },
  ],
  description: 'a text, { env: NAME } or { file: path }',
} as const
const region = { type: 'string', pattern: '^[^/\\s]+/[^/\\s]+$', examples: ['aws/us-east-1'] } as const
const httpUrl = { type: 'string', pattern: '^https?://[^\\s]+$', examples: ['https://collector.example:4318'] } as const

const exportSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['url'],
  properties: {
    url: { ...httpUrl, description: 'OTLP/HTTP base: /v1/metrics is added' },
    headers: { type: 'object', additionalProperties: secret, description: 'of each request' },
    every: { ...duration, examples: ['30s'], description: 'how often; default: 30s' },
  },
} as const

const role = { enum: ['viewer', 'operator', 'admin'] } as const

const oidcSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['issuer', 'audience'],
  description: 'the OpenID provider whose bearer tokens people come with',
  properties: {
    issuer: { type: 'string', pattern: '^https://[^\\s]+$', examples: ['https://login.example.com'] },
    audience: { ...text, description: 'what the tokens must be made for' },
    groupsClaim: { ...text, description: 'the claim that lists groups; default: groups' },
    groups: {
      type: 'object',
      additionalProperties: {
        anyOf: [
          role,
          {
            type: 'object',
            additionalProperties: false,
            required: ['role', 'owners'],
            properties: { role, owners: { type: 'array', minItems: 1, items: text } },
          },
        ],
      },
      description: 'which group has which role; with owners, over what those have: { role: admin, owners: [payments] }. All see everything',
    },
  },
} as const

export const configSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    listen: { ...text, examples: ['127.0.0.1:8080'], description: 'address:port; default 127.0.0.1:8080; TLS everywhere but on loopback' },
    names: {
      type: 'array',
      minItems: 1,
      items: text,
      description:
        'names and addresses that agents reach it by, for the certificate of its own authority; the first is what it tells people',
    },
    url: {
      ...text,
      examples: ['https://causeway.example'],
      description: 'where people find it, for links on pages; default: the first of names, where there is one, at the port of listen',
    },
    tls: {
      anyOf: [
        { const: 'off' },
        {
          type: 'object',
          additionalProperties: false,
          required: ['cert', 'key'],
          properties: {
            cert: { ...text, description: 'PEM file of the certificate and its chain, read again when it changes' },
            key: { ...text, description: 'PEM file of its key' },
            ca: { ...text, description: 'PEM file of the authority that agents are to take, for join tokens' },
          },
        },
      ],
      description: 'off, or { cert: …, key: …, ca: … } from elsewhere; without it the controller is its own authority',
    },
    data: { ...text, description: 'directory of the embedded store; default: /var/lib/causeway/controller where that can be written' },
    store: { ...secret, description: 'postgres://… instead of the embedded store: a text, { env: NAME } or { file: path }' },
    storeCa: { ...text, description: 'PEM file of the authority of the PostgreSQL server' },
    fleet: { ...text, description: 'fleet file that is applied at the start and whenever it changes' },
    location: { ...region, description: 'where it runs, for what telemetry costs: cloud/region' },
    oidc: oidcSchema,
    export: { type: 'array', maxItems: 16, items: exportSchema, description: 'where metrics go, cumulative, by OTLP/HTTP' },
    keep: {
      type: 'object',
      additionalProperties: false,
      description: 'how long history is kept',
      properties: {
        minutes: { ...duration, examples: ['48h'], description: 'by the minute; default: 48h' },
        tenMinutes: { ...duration, examples: ['336h'], description: 'by ten minutes; default: 336h, two weeks' },
        hours: { ...duration, examples: ['9500h'], description: 'by the hour; default: 9500h, thirteen months' },
        bytes: { type: 'integer', minimum: 10_000_000, description: 'of the store: the oldest goes when it is larger' },
      },
    },
  },
} as const

export type ConfigFile = XStatic<typeof configSchema>
export type SecretFile = XStatic<typeof secret>
