/**
 * What an agent is to do: checks × targets. The agent's own file and the controller's assignments have this shape.
 * Durations and sizes are texts as people write them (`10s`, `64KiB`); `wire/values.ts` reads them.
 * JSON Schema literals, as in `options.ts`: one truth for the type, the validation and the docs page.
 */
import type { XStatic } from 'typebox/schema'
import { optionSchemas } from './options.ts'
import { type Kind, kinds } from './result.ts'

export const name = {
  type: 'string',
  minLength: 1,
  maxLength: 128,
  pattern: '^[A-Za-z0-9][A-Za-z0-9._/-]*$',
  examples: ['payments', 'mesh-tcp'],
} as const
/** Of a check: a path is named `check/target`, so the slash is its own. */
const plainName = { ...name, pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$' } as const
export const duration = { type: 'string', pattern: '^\\d{1,15}(\\.\\d{1,9})?(us|µs|ms|s|m|h)$', examples: ['500ms', '10s', '5m'] } as const

export const targetSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['name', 'address'],
  properties: {
    name: { ...name, description: 'what people and labels call it' },
    address: { type: 'string', description: 'host, host:port, or [IPv6]:port' },
    family: { enum: [4, 6], description: 'the address family to use; default: the first that the name resolves to' },
    location: {
      type: 'string',
      pattern: '^[^/\\s]+(/[^/\\s]+){0,2}$',
      examples: ['azure/eastus', 'aws/us-east-1/us-east-1a'],
      description: 'where it is: cloud/region or cloud/region/zone',
    },
    labels: { type: 'object', additionalProperties: { type: 'string' }, description: 'for choosing targets; never sent as metric labels' },
    agentId: { type: 'string', description: 'the agent whose responder this is: another one that answers is not this target' },
    path: { type: 'string', description: 'of a URL, for http and bundle checks' },
    tls: {
      type: 'object',
      additionalProperties: false,
      description: 'what to ask for in a TLS handshake',
      properties: {
        sni: { type: 'string', description: 'server name to ask for; default: the host' },
        alpn: { type: 'array', items: { type: 'string' }, description: 'application protocols to offer' },
      },
    },
    expectId: { type: 'string', description: 'the SPIFFE ID that it must have' },
    expectTrustDomain: { type: 'string', description: 'the trust domain that it must be of' },
  },
} as const

/** Whose identity a check needs: the agent's own, or that of a workload's service account, which only a runner under it has. */
export const runAs = {
  anyOf: [
    { const: 'agent' },
    {
      type: 'object',
      additionalProperties: false,
      required: ['namespace', 'serviceAccount'],
      properties: { namespace: { type: 'string', minLength: 1 }, serviceAccount: { type: 'string', minLength: 1 } },
    },
  ],
  description: "agent, or { namespace: …, serviceAccount: … } of a runner, for a check that needs a workload's own identity",
} as const

export const checkSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['name', 'kind', 'every'],
  properties: {
    name: { ...plainName, description: 'what people and labels call it' },
    kind: { enum: kinds, description: 'what is measured' },
    every: { ...duration, description: 'how often: 10s, 5m' },
    timeout: { ...duration, description: 'time for one run; default: that of the kind, and never more than `every`' },
    options: { type: 'object', description: 'the options of the kind; durations and sizes may be written as 200ms and 64KiB' },
    targets: { type: 'array', items: { type: 'string' }, description: 'names of targets; default: all' },
    as: runAs,
    expectAuthorized: { type: 'boolean', description: 'a refusal by policy (authorization_denied) is a fault too' },
    lateness: { ...duration, description: 'how late the event loop may be before a run is unmeasured: local_overload; default 100ms' },
  },
} as const

export const assignmentSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['targets', 'checks'],
  properties: {
    targets: { type: 'array', items: targetSchema, description: 'what is probed' },
    checks: { type: 'array', items: checkSchema, description: 'how, and how often' },
    probesPerSecond: { type: 'number', minimum: 0, maximum: 10_000, description: 'a smaller budget than the local policy allows' },
  },
} as const

export type AssignedTarget = XStatic<typeof targetSchema>
export type AssignedCheck = XStatic<typeof checkSchema>
export type Assignment = XStatic<typeof assignmentSchema>

/** The options of a kind, by the names that `options:` of a check may have. */
export const optionNames = (kind: Kind): string[] => Object.keys(optionSchemas[kind].properties)
