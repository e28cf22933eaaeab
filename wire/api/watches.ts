/** A run that watches: what somebody asks for, and what the agent says while it goes on. The events and the document are those of `probe watch` (wire/watch.ts). */
import type { XStatic } from 'typebox/schema'
import type { WatchDocument, WatchEvent } from '../watch.ts'

/** An agent is no load generator, and nobody remembers a watch that was left behind: it ends by itself. */
export const longestWatchMs = 3_600_000

export const watchAskSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['intervalMs', 'timeoutMs', 'durationMs'],
  description: 'instead of one run, probe without a pause for so long: one agent, one kind of icmp, udp and tcp',
  properties: {
    intervalMs: { type: 'number', minimum: 1, maximum: 60_000, description: 'time between two probes' },
    timeoutMs: { type: 'number', minimum: 10, maximum: 60_000, description: 'when a probe without an answer is lost' },
    durationMs: { type: 'number', minimum: 1000, maximum: longestWatchMs },
    objectiveMs: { type: 'number', minimum: 1, maximum: longestWatchMs, description: 'the longest outage that is allowed' },
  },
} as const

const number = { type: 'number' } as const
const time = { ...number, minimum: 0 } as const
/** Looked at by whoever takes it: null has no schema here. */
const nullable = {} as const
const beforeAfter = { type: 'object', required: ['before', 'after'] } as const
const outage = {
  type: 'object',
  required: ['number', 'beganMs', 'endedMs', 'lengthMs', 'uncertainMs', 'lost', 'rttMs', 'ttl', 'mtu', 'route'],
  properties: {
    ...{ number, beganMs: time, endedMs: nullable, lengthMs: time, uncertainMs: time, lost: time },
    ...{ direction: { enum: ['forward', 'reverse', 'both'] }, error: { type: 'string', maxLength: 1024 } },
    ...{ rttMs: beforeAfter, ttl: beforeAfter, mtu: beforeAfter, route: beforeAfter },
  },
} as const
const step = {
  type: 'object',
  required: ['what', 'atMs', 'before', 'after'],
  properties: { what: { enum: ['rtt', 'ttl', 'mtu', 'route'] }, atMs: time, before: nullable, after: nullable },
} as const
const second = {
  type: 'object',
  required: ['atMs', 'sent', 'lost', 'rttMs', 'maxMs'],
  properties: { atMs: time, sent: time, lost: time, rttMs: nullable, maxMs: nullable },
} as const
/** Whoever is connected as an agent may say this: shapes are checked before anybody prints it. Types of events from a newer agent are let through, and not shown. */
const event = { type: 'object', required: ['type'], properties: { type: { type: 'string', maxLength: 64 }, outage, step, second } } as const

export const watchPartSchema = {
  type: 'object',
  required: ['events'],
  properties: {
    events: {
      type: 'array',
      maxItems: 1000,
      description: 'numbered from 1: what comes twice is taken once',
      items: { type: 'object', required: ['number', 'event'], properties: { number: { type: 'integer', minimum: 1 }, event } },
    },
    begun: {
      type: 'object',
      required: ['startedAt', 'address'],
      properties: { startedAt: { type: 'string', maxLength: 64 }, address: { type: 'string', maxLength: 256 } },
      description: 'when the first probe was sent, and where to',
    },
    document: {
      type: 'object',
      required: [
        ...[
          'schema',
          'startedAt',
          'verdict',
          'detail',
          'sent',
          'lost',
          'late',
          'duplicates',
          'rttMs',
          'latenessMs',
          'durationMs',
          'downMs',
        ],
        ...['blindMs', 'overflow', 'outages'],
      ],
      properties: {
        ...{ schema: { const: 'causeway.watch/1' }, startedAt: { type: 'string' }, verdict: { enum: ['ok', 'fail', 'unmeasured'] } },
        ...{ detail: { type: 'string', maxLength: 1024 }, sent: time, lost: time, late: time, duplicates: time },
        ...{ rttMs: nullable, latenessMs: nullable, durationMs: time, downMs: time, blindMs: time, overflow: time },
        outages: { type: 'array', maxItems: 1000, items: outage },
      },
      description: 'the summary, with the last part',
    },
  },
} as const

export type WatchAsk = XStatic<typeof watchAskSchema>
export type NumberedEvent = { number: number; event: WatchEvent }
export type WatchPart = { events: NumberedEvent[]; begun?: { startedAt: string; address: string }; document?: WatchDocument }
