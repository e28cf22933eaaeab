/** What was measured, as people read it: `GET /v1/paths`, `/v1/links`, `/v1/targets`, `/v1/history`, `/v1/slo`. Times in ms, sizes in bytes. */
import type { XStatic } from 'typebox/schema'
import { pageOf } from './page.ts'

const when = { type: 'string', description: 'RFC 3339' } as const
const count = { type: 'integer', minimum: 0 } as const
const numbers = { type: 'object', additionalProperties: { type: 'number' } } as const
const nothing = { type: 'null' } as const
const ratio = { anyOf: [{ type: 'number' }, nothing] } as const

const timesSchema = {
  type: 'object',
  required: ['count', 'p50', 'p95', 'p99', 'min', 'max'],
  properties: {
    count,
    p50: { type: 'number' },
    p95: { type: 'number' },
    p99: { type: 'number' },
    min: { type: 'number' },
    max: { type: 'number' },
  },
} as const
const times = { anyOf: [timesSchema, nothing] } as const

/** `degraded`: some runs failed. `unmeasured`: no run says anything about the path. */
export const measuredVerdicts = ['ok', 'degraded', 'fail', 'unmeasured'] as const

export const measuredSchema = {
  type: 'object',
  required: [
    'verdict',
    'runs',
    'reasons',
    'availability',
    'rttMs',
    'durationMs',
    'lossRatio',
    'packets',
    'segments',
    'retransmits',
    'retransmitRatio',
    'mtu',
  ],
  properties: {
    verdict: { enum: measuredVerdicts },
    runs: { type: 'object', required: ['ok', 'fail', 'unmeasured'], properties: { ok: count, fail: count, unmeasured: count } },
    reasons: { ...numbers, description: 'of failures and of what was not measured' },
    availability: { ...ratio, description: 'of the runs that were measured: 0 to 1' },
    rttMs: times,
    durationMs: times,
    lossRatio: ratio,
    packets: { ...numbers, description: 'echoes, by what became of them' },
    segments: count,
    retransmits: count,
    retransmitRatio: ratio,
    mtu: { ...numbers, description: 'the smallest path MTU seen, by direction' },
    certificateNotAfter: { ...when, description: 'when the first certificate ends' },
  },
} as const

const orNull = { anyOf: [measuredSchema, nothing], description: 'null: nothing came in this time' } as const

export const pathSchema = {
  type: 'object',
  required: ['id', 'agent', 'check', 'kind', 'target', 'host', 'measured'],
  properties: {
    id: { type: 'string' },
    agent: { type: 'string' },
    check: { type: 'string' },
    kind: { type: 'string' },
    target: { type: 'string' },
    host: { type: 'string' },
    port: { type: 'integer' },
    networkType: { type: 'string' },
    from: { type: 'string', description: 'cloud/region' },
    to: { type: 'string', description: 'cloud/region' },
    measured: measuredSchema,
  },
} as const

const objectiveSchema = {
  type: 'object',
  properties: {
    availability: { type: 'number', description: 'per cent' },
    p95Ms: { type: 'number' },
    outageMs: { type: 'number' },
  },
} as const

export const linkSchema = {
  type: 'object',
  required: ['from', 'to', 'paths', 'measured'],
  properties: {
    from: { type: 'string', description: 'cloud/region' },
    to: { type: 'string', description: 'cloud/region' },
    owner: { type: 'string', description: 'whose fleet document names it' },
    medium: { type: 'string' },
    objective: objectiveSchema,
    meets: { type: 'boolean', description: 'its objectives of availability and p95; absent where nothing says' },
    paths: { ...count, description: 'that were measured' },
    measured: orNull,
  },
} as const

export const targetSchema = {
  type: 'object',
  required: ['name', 'paths', 'measured'],
  properties: {
    name: { type: 'string' },
    address: { type: 'string' },
    location: { type: 'string' },
    owner: { type: 'string', description: 'whose fleet document names it; absent for an agent' },
    paths: { ...count, description: 'that were measured' },
    measured: orNull,
  },
} as const

export const historyGroups = ['path', 'link', 'agent', 'target'] as const

export const historyRowSchema = {
  type: 'object',
  required: ['group', 'at', 'paths', 'measured'],
  properties: {
    group: { type: 'string', description: 'the id of the path or the agent, the name of the target, or `from → to` of the link' },
    at: { ...when, description: 'when this part of the time begins' },
    paths: count,
    measured: measuredSchema,
  },
} as const

const burnRate = { ...ratio, description: '1: the budget lasts exactly its time; null: nothing was measured' } as const

export const sloSchema = {
  type: 'object',
  required: ['from', 'to', 'owner', 'objective', 'startAt', 'endAt', 'windowMs', 'paths', 'availability', 'p95Ms'],
  properties: {
    from: { type: 'string' },
    to: { type: 'string' },
    owner: { type: 'string' },
    objective: objectiveSchema,
    month: { type: 'string', description: '2026-11; absent where a window was asked for' },
    startAt: when,
    endAt: { ...when, description: 'of the month or the window, even if that is still to come' },
    windowMs: { type: 'number', description: 'from startAt to endAt: what the budget is for' },
    paths: count,
    availability: { ...ratio, description: 'of the runs that were measured: 0 to 1; null: nothing was measured' },
    p95Ms: ratio,
    errorBudget: {
      type: 'object',
      required: ['allowedMs', 'spentRatio', 'leftRatio', 'leftMs'],
      description: 'of an objective of availability; runs stand for time',
      properties: {
        allowedMs: { type: 'number', description: 'of the whole month or window' },
        spentRatio: { type: 'number', description: '1: all of it' },
        leftRatio: { type: 'number', description: 'below 0: overdrawn' },
        leftMs: { type: 'number' },
      },
    },
    burn: {
      type: 'object',
      required: ['h1', 'h6', 'd3'],
      description: 'how fast the budget went in the last hour, six hours and three days; absent for a time that is over',
      properties: { h1: burnRate, h6: burnRate, d3: burnRate },
    },
    meets: { type: 'boolean' },
  },
} as const

export const pathPageSchema = pageOf(pathSchema)
export const linkPageSchema = pageOf(linkSchema)
export const targetPageSchema = pageOf(targetSchema)
export const historyPageSchema = pageOf(historyRowSchema)
export const sloPageSchema = pageOf(sloSchema)

export type Measured = XStatic<typeof measuredSchema>
export type PathAnswer = XStatic<typeof pathSchema>
export type LinkAnswer = XStatic<typeof linkSchema>
export type TargetAnswer = XStatic<typeof targetSchema>
export type HistoryAnswer = XStatic<typeof historyRowSchema>
export type SloAnswer = XStatic<typeof sloSchema>
