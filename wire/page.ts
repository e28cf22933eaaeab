/** What is said of an incident, to people and to the programs that page them; the same whoever is told. */
import type { XStatic } from 'typebox/schema'
import { layers } from './causes.ts'

export const severities = ['page', 'ticket'] as const
/**
 * `updated`: the incident is not what was said of it. `repeat`: it still is. `test`: somebody asked what the receiver answers. `watchdog`: nothing is wrong, for
 * a receiver that raises the alarm when these stop.
 */
export const notificationEvents = ['firing', 'updated', 'resolved', 'repeat', 'test', 'watchdog'] as const
export type NotificationEvent = (typeof notificationEvents)[number]

const text = { type: 'string' } as const
const texts = { type: 'array', items: text } as const
const epochMs = { type: 'integer', minimum: 0 } as const
const fix = {
  type: 'object',
  additionalProperties: false,
  required: ['where', 'command'],
  properties: { where: text, command: text },
} as const
const link = { type: 'object', additionalProperties: false, required: ['title', 'url'], properties: { title: text, url: text } } as const

/** Everything in it may hold what an agent sent: whoever renders it escapes it. */
export const pageSchema = {
  type: 'object',
  additionalProperties: false,
  required: [
    ...(['key', 'incident', 'title', 'severity', 'state', 'cause', 'layer', 'place', 'since', 'detectedAt', 'impact', 'evidence'] as const),
    ...(['against', 'changed', 'fixes', 'next', 'runbook', 'labels', 'links'] as const),
  ],
  properties: {
    key: { ...text, minLength: 1, maxLength: 120, description: 'the place and the layer: what one incident is told from another by' },
    incident: { ...text, description: 'its id' },
    title: { ...text, examples: ['aws/us-east-1 → azure/eastus: packets above 1380 bytes vanish, one way'] },
    severity: { enum: severities },
    state: { enum: ['firing', 'resolved'] },
    cause: { anyOf: [text, { type: 'null' }] },
    layer: { anyOf: [{ enum: layers }, { type: 'null' }] },
    place: { ...text, examples: ['aws/us-east-1 → azure/eastus'] },
    direction: text,
    since: { ...epochMs, description: 'epoch ms: the first bad run' },
    detectedAt: epochMs,
    endedAt: epochMs,
    impact: { ...text, examples: ['38 of 40 paths, 5 agents'] },
    evidence: { ...texts, description: 'facts with their numbers, and what they usually are' },
    against: { ...texts, description: 'what is well nearby, and so is not to blame' },
    runnerUp: { ...text, description: 'the next likely cause' },
    changed: { ...texts, description: 'what changed lately' },
    fixes: { type: 'array', items: fix },
    next: { ...text, description: 'the next command to run' },
    runbook: { ...text, description: 'URL' },
    labels: { type: 'object', additionalProperties: text },
    links: { type: 'array', items: link },
  },
} as const
export type Page = XStatic<typeof pageSchema>

/**
 * One thing to tell. `id` is its own, and says to a receiver that takes it twice that it is the same; `key` is the incident's, and gathers all that is said of
 * it; `version` grows with what is said. `at`: epoch ms.
 */
export type Notification = { id: string; key: string; version: number; event: NotificationEvent; page: Page; at: number }
