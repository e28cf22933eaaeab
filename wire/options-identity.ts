/** The options of the kinds that are about SPIFFE; what schemas are is in options.ts. */
import { alpn, sni, source, timeoutMs } from './option-parts.ts'

const identity = {
  certFile: { type: 'string', description: 'PEM file of our certificate and its chain, read again when it changes' },
  keyFile: { type: 'string', description: 'PEM file of our private key' },
  caFile: { type: 'string', description: "PEM file of authorities; they count for the peer's own trust domain where it has no bundle" },
  bundles: {
    type: 'object',
    additionalProperties: { type: 'string' },
    description: 'trust domain to file: a SPIFFE bundle document, or PEM',
  },
  workloadApi: { type: 'string', description: 'address of the SPIFFE Workload API, unix:///… or tcp://…' },
  hint: { type: 'string', description: 'which of several SVIDs to use' },
} as const

export const mtls = {
  type: 'object',
  additionalProperties: false,
  required: ['timeoutMs', 'alpn', 'negative', 'sniPair', 'holdMs', 'holdEveryMs'],
  properties: {
    timeoutMs,
    source,
    sni,
    alpn,
    ...identity,
    expectId: { type: 'string', description: 'the SPIFFE ID that the server must have' },
    expectTrustDomain: { type: 'string', description: 'the trust domain that the server must be of' },
    negative: { type: 'boolean', default: false, description: 'also connect without a certificate, which must be refused' },
    sniPair: {
      type: 'boolean',
      default: false,
      description: 'also ask for a server name that nobody has: tells a gateway without a route from one that is broken',
    },
    holdMs: {
      type: 'integer',
      default: 0,
      minimum: 0,
      maximum: 86_400_000,
      description: 'keep one authenticated connection open for so long, and make fresh ones beside it: what a rotation does to each',
    },
    holdEveryMs: { type: 'integer', default: 1000, minimum: 100, maximum: 600_000, description: 'time between two fresh connections' },
  },
} as const

export const bundle = {
  type: 'object',
  additionalProperties: false,
  required: ['timeoutMs', 'path'],
  properties: {
    timeoutMs,
    source,
    sni,
    ca: { type: 'string', description: 'PEM of the authorities to trust for https_web, instead of the public ones' },
    path: { type: 'string', default: '/', description: 'path of the bundle document' },
    profile: { enum: ['https_web', 'https_spiffe'], description: 'default: https_spiffe when an endpoint ID is given' },
    endpointId: { type: 'string', description: 'https_spiffe: the SPIFFE ID that the endpoint must have' },
    trustDomain: { type: 'string', description: 'whose bundle it is' },
    bundles: identity.bundles,
    workloadApi: identity.workloadApi,
  },
} as const
