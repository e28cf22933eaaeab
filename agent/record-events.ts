import { type ByteReader, type ByteWriter, Malformed } from '../wire/bytes.ts'
import type { AgentEvent, EventAttribute } from './record.ts'
import { readLabels, writeLabels } from './record-labels.ts'

/** Their places are what records have: append only. */
const severities = ['info', 'warn', 'error'] as const satisfies readonly AgentEvent['severity'][]
const maxEvents = 100_000

export const writeEvents = (out: ByteWriter, events: readonly AgentEvent[]): void => {
  out.uint(events.length)
  for (const { atMs, name, severity, body, labels, attributes } of events) {
    out.uint(atMs)
    out.text(name)
    out.byte(severities.indexOf(severity))
    out.text(body)
    out.byte(labels ? 1 : 0)
    if (labels) writeLabels(out, labels)
    out.text(JSON.stringify(attributes))
  }
}

export const readEvents = (bytes: ByteReader): AgentEvent[] =>
  Array.from({ length: bytes.count('events', maxEvents) }, () => {
    const atMs = bytes.uint()
    const name = bytes.needText()
    const severity = severities[bytes.byte()]
    if (!severity) throw new Malformed('an event has a severity that does not exist')
    const body = bytes.needText()
    const labels = bytes.byte() === 0 ? undefined : readLabels(bytes)
    return { atMs, name, severity, body, ...(labels && { labels }), attributes: parseAttributes(bytes.needText()) }
  })

/** `of`: what has them, for the problem. */
export const parseAttributes = (text: string, of = 'an event'): Record<string, EventAttribute> => {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && Object.values(value).every(isAttribute))
      return value as Record<string, EventAttribute>
  } catch {}
  throw new Malformed(`the attributes of ${of} cannot be read`)
}

const isAttribute = (value: unknown): boolean =>
  ['string', 'number', 'boolean'].includes(typeof value) || (Array.isArray(value) && value.every(item => typeof item === 'string'))
