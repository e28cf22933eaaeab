/** The alerts of a fleet file: rules beside the defaults, receivers, and who is told what. Schemas as in `fleet.ts`. */
import type { XStatic } from 'typebox/schema'
import { duration, name } from './assignment.ts'
import { failReasons } from './reasons.ts'

/** Rules that ship on. A rule of this name in a fleet file changes them; `enabled: false` turns one off. */
export const defaultRules = {
  'default/unreachable': 'nothing of a target answers',
  'default/loss-ratio': 'more than 0.1 % of a budgeted window is lost',
  'default/loss-now': 'more than 5 % is lost at once',
  'default/latency': "p95 above the link's objective, or twice the path's own baseline",
  'default/retransmits': 'more than 1 % of TCP segments are sent again',
  'default/path-mtu': 'the path MTU fell',
  'default/black-hole': 'packets of a size that TCP sends vanish',
  'default/tls': 'the TLS handshake fails',
  'default/certificate': 'a certificate is not valid',
  'default/identity': 'a SPIFFE identity is wrong or refused',
  'default/certificate-expiry': 'a certificate ends in 30, 14 or 7 days, capped by its lifetime',
  'default/svid-rotation': 'an SVID is late for its renewal',
  'default/bundle': 'a trust bundle is misaligned',
  'default/federation': 'a federated credential is not obtained',
  'default/http': 'a service answers, and not as it should',
  'default/agent-lost': 'an agent has fallen silent',
  'default/burn-rate': "a link's objective is being used up",
  'default/slow-burn': "a link's objective will be used up before the month ends",
  'default/blind': 'too few paths of a link are measured',
} as const
export const defaultRuleNames = Object.keys(defaultRules) as (keyof typeof defaultRules)[]

/** `> 250ms`, `>= 1% and < 5%`. */
const condition = {
  type: 'string',
  maxLength: 80,
  pattern: '^\\s*(<|<=|>|>=)\\s*[^\\s<>=]+(\\s+and\\s+(<|<=|>|>=)\\s*[^\\s<>=]+)?\\s*$',
  examples: ['"> 250ms"', '"> 1% and <= 5%"'],
} as const
const region = { type: 'string', pattern: '^[^/\\s]+/[^/\\s]+$', examples: ['aws/us-east-1'] } as const

export const ruleSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['name', 'enabled'],
  properties: {
    name,
    enabled: { type: 'boolean', default: true },
    on: {
      type: 'object',
      additionalProperties: false,
      description: 'which paths; default: all',
      properties: { check: name, target: name, mesh: name, from: region, to: region },
    },
    when: {
      type: 'object',
      additionalProperties: false,
      description: 'all of these at once, such as { p95: "> 250ms" }',
      properties: {
        p50: condition,
        p95: condition,
        p99: condition,
        loss: { ...condition, examples: ['"> 1%"'] },
        retransmits: { ...condition, examples: ['"> 1%"'] },
        mtu: { ...condition, examples: ['"< 1400"'] },
        availability: { ...condition, examples: ['"< 99.9%"'] },
        expiresIn: { ...condition, examples: ['"< 168h"'] },
        reason: { type: 'array', minItems: 1, items: { enum: failReasons }, description: 'any of these failures' },
      },
    },
    for: { ...duration, examples: ['2m'], description: 'how long before it fires' },
    keepFiringFor: { ...duration, examples: ['5m'], description: 'how long it must be well before it resolves' },
    severity: { enum: ['page', 'ticket'] },
  },
} as const

/** A secret never stands in the file: the controller reads it from its own environment or a mounted file. */
const secret = {
  anyOf: [
    {
      type: 'object',
      additionalProperties: false,
      required: ['env'],
      properties: { env: { type: 'string', pattern: '^[A-Za-z_][A-Za-z0-9_]*$' } },
    },
    { type: 'object', additionalProperties: false, required: ['file'], properties: { file: { type: 'string', pattern: '^/' } } },
  ],
  description: '{ env: NAME } or { file: /path }: a secret does not belong in this file',
} as const
/** Without user and password, which would be a secret. */
const openUrl = { type: 'string', maxLength: 2048, pattern: '^https?://[^/\\s@]+(/[^\\s@]*)?$' } as const
const openOrSecretUrl = {
  anyOf: [openUrl, ...secret.anyOf],
  description: 'an http(s) URL without user and password, or { env: NAME } or { file: /path } where the URL is a secret',
} as const
const address = { type: 'string', maxLength: 320, pattern: '^[^@\\s]+@[^@\\s]+$', examples: ['oncall@example.com'] } as const

const receiver = <N extends string, const P>(type: N, properties: P) =>
  ({ type: 'object', additionalProperties: false, properties: { name, type: { const: type }, ...properties } }) as const

const ca = {
  type: 'string',
  pattern: '^/',
  description: 'PEM file of the authority that its certificate is from, when it is its own',
} as const
const repeat = { ...duration, default: '4h', examples: ['4h'], description: 'how often what still holds is said again' } as const
const watchdog = {
  ...duration,
  examples: ['1m'],
  description: 'how often to say that alerts are being judged, for one who raises the alarm when that stops',
} as const

export const receiverSchemas = [
  { ...receiver('alertmanager', { url: openOrSecretUrl, ca, watchdog }), required: ['name', 'type', 'url'] },
  {
    ...receiver('webhook', { url: openOrSecretUrl, signingKey: secret, ca, repeat, watchdog }),
    required: ['name', 'type', 'url', 'repeat'],
  },
  {
    ...receiver('slack', {
      url: { ...secret, description: 'an incoming webhook, as { env: NAME } or { file: /path }: what changes is said in another message' },
      token: { ...secret, description: 'of an app that may chat:write, instead of url: messages are changed in place' },
      channel: { type: 'string', minLength: 1, maxLength: 80, examples: ['C024BE91L'], description: 'the id of the channel, with token' },
      api: { ...openUrl, default: 'https://slack.com/api' },
      repeat,
    }),
    required: ['name', 'type', 'api', 'repeat'],
  },
  {
    ...receiver('pagerduty', { routingKey: secret, url: { ...openUrl, default: 'https://events.pagerduty.com/v2/enqueue' } }),
    required: ['name', 'type', 'routingKey', 'url'],
  },
  {
    ...receiver('email', {
      to: { type: 'array', minItems: 1, maxItems: 100, items: address },
      from: address,
      smtp: { type: 'string', pattern: '^[^\\s/@]+:\\d{1,5}$', examples: ['mail.example.com:587'], description: 'port 465: TLS at once' },
      user: { type: 'string', minLength: 1, maxLength: 256 },
      password: secret,
      tls: { enum: ['required', 'none'], default: 'required', description: "none: for a relay of one's own that has no TLS" },
      ca,
      repeat,
    }),
    required: ['name', 'type', 'to', 'from', 'smtp', 'tls', 'repeat'],
  },
  { ...receiver('stdout', { repeat }), required: ['name', 'type', 'repeat'] },
] as const

const runbooks = {
  ...openUrl,
  examples: ['https://git.example.com/causeway/docs/runbooks', 'https://wiki.example.com/{runbook}'],
  description:
    "where people read the runbooks of this owner's incidents: {runbook} stands for the name, such as path_mtu_black_hole; without it /<name>.md is put behind. Default: the path in the source, docs/runbooks/<name>.md",
} as const

export const alertsSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['rules', 'receivers', 'routes'],
  default: {},
  properties: {
    rules: { type: 'array', default: [], maxItems: 10_000, items: ruleSchema, description: 'beside the defaults, which are on' },
    runbooks,
    receivers: { type: 'array', default: [], maxItems: 1000, items: { anyOf: receiverSchemas, description: 'a receiver with its type' } },
    routes: {
      type: 'array',
      default: [],
      maxItems: 1000,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['to'],
        properties: { severity: { enum: ['page', 'ticket'] }, rule: name, to: { type: 'array', minItems: 1, items: name } },
      },
    },
  },
} as const

export type AlertRule = XStatic<typeof ruleSchema>
export type Receiver = XStatic<(typeof receiverSchemas)[number]>
