/**
 * The fleet file: what `probe apply -f` takes and `PUT /v1/fleet` stores. People write it, so objects are closed; everything but names, addresses
 * and kinds has a default. JSON Schema literals, as in `options.ts`: one truth for the type, the validation, the defaults and the editors' schema.
 * What has a default is required, since reading fills it in. Durations and sizes are texts (`10s`, `64KiB`).
 */
import type { XStatic } from 'typebox/schema'
import { checkSchema, duration, name, runAs, targetSchema } from './assignment.ts'
import { alertsSchema } from './fleet-alerts.ts'
import { kinds } from './result.ts'

const text = { type: 'string', minLength: 1, maxLength: 256 } as const
const words = { type: 'array', minItems: 1, items: text } as const
const names = { type: 'array', minItems: 1, items: name } as const
const region = {
  type: 'string',
  maxLength: 128,
  pattern: '^[^/\\s]+/[^/\\s]+$',
  examples: ['aws/us-east-1'],
  description: 'cloud/region',
} as const
const httpsUrl = { type: 'string', maxLength: 2048, pattern: '^https://[^/\\s@]+(/\\S*)?$', examples: ['https://host/path'] } as const
const cloudOrRegion = { ...region, pattern: '^[^/\\s]+(/[^/\\s]+)?$', examples: ['aws', 'aws/us-east-1'] } as const

export const selectorSchema = {
  type: 'object',
  additionalProperties: false,
  description: 'agents: of any of the values of each key that is given',
  properties: {
    cloud: words,
    region: { ...words, items: region },
    zone: words,
    cluster: words,
    node: words,
    agent: words,
    labels: { type: 'object', additionalProperties: text, description: 'labels that the agent must have, all of them' },
  },
} as const

const clusterSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['name', 'issuer', 'audience', 'subjects', 'cloud', 'region'],
  properties: {
    name,
    issuer: { ...httpsUrl, description: 'the `iss` of its projected tokens, to the letter' },
    jwks: {
      anyOf: [
        { type: 'object', additionalProperties: false, required: ['url'], properties: { url: httpsUrl } },
        { type: 'object', additionalProperties: false, required: ['file'], properties: { file: text } },
        { type: 'object', additionalProperties: false, required: ['tokenReview'], properties: { tokenReview: { const: true } } },
      ],
      description:
        '{ url: https://… }, { file: /path }, or { tokenReview: true }: the controller runs in this cluster and asks its API server; default: by discovery from the issuer',
    },
    audience: { ...text, default: 'causeway', description: 'what the tokens must be made for' },
    subjects: { ...words, default: ['system:serviceaccount:causeway:agent'], description: 'the service accounts that may enrol' },
    cloud: { ...text, description: 'the cloud it runs in' },
    region: { ...text, description: 'the region it runs in' },
  },
} as const

const trustDomainSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['name'],
  properties: {
    name: { ...text, description: 'the trust domain, without spiffe://' },
    bundleEndpoint: {
      type: 'object',
      additionalProperties: false,
      required: ['url', 'profile'],
      properties: {
        url: httpsUrl,
        profile: { enum: ['https_web', 'https_spiffe'], default: 'https_web' },
        endpointId: { ...text, description: 'https_spiffe: the SPIFFE ID that the endpoint must have' },
      },
    },
    bundle: {
      type: 'object',
      additionalProperties: false,
      required: ['file'],
      properties: { file: text },
      description:
        'JSON or PEM beside the controller: the bundle where there is no endpoint, the first one where its profile is https_spiffe',
    },
  },
} as const

const { agentId: _, ...targetProperties } = targetSchema.properties
const fleetTargetSchema = { ...targetSchema, properties: targetProperties } as const

const fleetCheckSchema = {
  ...checkSchema,
  required: ['name', 'kind', 'every', 'perLink', 'as'],
  properties: {
    ...checkSchema.properties,
    kind: { enum: kinds, description: 'what is measured' },
    targets: { ...names, description: 'names of targets; default: those of the meshes that use the check, or all targets when none does' },
    from: { ...selectorSchema, description: 'which agents; default: all' },
    perLink: { type: 'integer', minimum: 1, maximum: 1000, default: 3, description: 'agents per region that probe each of the targets' },
    as: { ...runAs, default: 'agent' },
  },
} as const

export const meshSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['name', 'checks', 'between', 'policy', 'perLink', 'inDegree', 'maxTargets', 'rotate', 'from'],
  properties: {
    name,
    checks: names,
    between: { enum: ['node', 'zone', 'region', 'cloud'], default: 'region', description: 'what a link joins' },
    policy: {
      enum: ['full', 'hub', 'sampled'],
      default: 'sampled',
      description: 'every pair, pairs with a hub, or some pairs of each link',
    },
    hub: { ...selectorSchema, description: 'policy hub: which agents are the hub' },
    from: { ...selectorSchema, default: {}, description: 'which agents take part; default: all' },
    perLink: { type: 'integer', minimum: 1, maximum: 1000, default: 3, description: 'agent pairs per link' },
    inDegree: { type: 'integer', minimum: 0, maximum: 100, default: 2, description: 'every agent is probed by at least so many' },
    maxTargets: { type: 'integer', minimum: 1, maximum: 10_000, default: 100, description: 'per agent' },
    rotate: { ...duration, examples: ['1h'], default: '1h', description: 'sampled: one pair of each link moves on so often; 0s: never' },
  },
} as const

const priceProperties = {
  perGB: { type: 'number', minimum: 0, maximum: 100, description: 'per 10⁹ bytes that leave' },
  currency: { type: 'string', pattern: '^[A-Z]{3}$', default: 'USD', examples: ['USD'], description: 'ISO 4217' },
  asOf: { type: 'string', pattern: '^\\d{4}-\\d{2}-\\d{2}$', examples: ['2026-11-01'], description: 'the day on which it was looked up' },
} as const
const mediums = { enum: ['vpn', 'interconnect', 'internet'] } as const

const linkSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['from', 'to', 'medium'],
  properties: {
    from: region,
    to: region,
    medium: { ...mediums, default: 'internet', description: 'what carries it' },
    via: {
      ...name,
      examples: ['hub-eu'],
      description: 'the hub that its packets pass, such as a transit gateway: links through one hub that fail together are one incident',
    },
    reach: { enum: ['pod', 'node', 'loadBalancer'], description: 'which address of an agent the other side can reach' },
    objective: {
      type: 'object',
      additionalProperties: false,
      properties: {
        availability: { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 100, description: 'per cent of a month' },
        p95: { ...duration, examples: ['45ms'] },
        outage: { ...duration, examples: ['30s'], description: 'the longest outage that is allowed' },
      },
    },
    price: { type: 'object', additionalProperties: false, required: ['perGB', 'currency'], properties: priceProperties },
  },
} as const

const priceSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['from', 'to', 'perGB', 'currency'],
  properties: { from: cloudOrRegion, to: cloudOrRegion, medium: mediums, ...priceProperties },
} as const

const list = <S>(items: S) => ({ type: 'array', items, default: [], maxItems: 100_000 }) as const

export const fleetSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['apiVersion', 'owner', 'clusters', 'trustDomains', 'targets', 'checks', 'mesh', 'links', 'prices', 'alerts'],
  properties: {
    apiVersion: { const: 'causeway/v1', description: 'causeway/v1' },
    owner: { ...name, default: 'default', description: 'whose objects these are: apply prunes only what this owner owns' },
    clusters: { ...list(clusterSchema), description: 'whose agents may enrol with a Kubernetes projected token' },
    trustDomains: { ...list(trustDomainSchema), description: 'SPIFFE trust domains and where their bundles are served' },
    targets: { ...list(fleetTargetSchema), description: 'what is probed besides the agents themselves' },
    checks: { ...list(fleetCheckSchema), description: 'kind, how often, from where, on what' },
    mesh: { ...list(meshSchema), description: 'which agents probe each other' },
    links: { ...list(linkSchema), description: 'what is known of ordered pairs of regions' },
    prices: { ...list(priceSchema), description: 'egress, where the dated defaults are not right' },
    alerts: alertsSchema,
  },
} as const

export type Fleet = XStatic<typeof fleetSchema>
export type Selector = XStatic<typeof selectorSchema>
export type FleetCluster = Fleet['clusters'][number]
export type FleetTarget = Fleet['targets'][number]
export type FleetCheck = Fleet['checks'][number]
export type Mesh = Fleet['mesh'][number]
export type FleetLink = Fleet['links'][number]
export type FleetPrice = Fleet['prices'][number]
export type Medium = FleetLink['medium']
/** Which of its addresses an agent is reached at. */
export type Scope = NonNullable<FleetLink['reach']>
