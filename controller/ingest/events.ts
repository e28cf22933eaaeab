import { readInstanceId } from '../../wire/otlp-attributes.ts'
import type { TimeBounds } from '../../wire/otlp-judge.ts'
import { type LogEvent, readLogs } from '../../wire/otlp-logs.ts'
import type { ReadFault } from '../../wire/otlp-read.ts'
import { labelsOf, type PathLabels } from '../history/labels.ts'
import type { Owns, Rejections } from './decode.ts'

export type DecodedEvents = {
  readonly fault?: ReadFault
  readonly events: readonly LogEvent[]
  readonly rejections: Rejections
  readonly instances: ReadonlySet<string>
}

/** The events of an agent: those of paths that are not its own, and those of times that are not taken, are left out and counted. */
export const decodeEvents = (bytes: Uint8Array, agent: string, owns: Owns, bounds: TimeBounds, nowMs: number): DecodedEvents => {
  const instances = new Set<string>()
  const read = readLogs(bytes, (from, start, end) => {
    const instance = readInstanceId(from, start, end)
    if (instance !== undefined) instances.add(instance)
  })
  if (!('events' in read)) return { fault: read, events: [], rejections: {}, instances }
  const rejections: Rejections = {}
  const isOwn = (labels: PathLabels): boolean => owns(agent, labels, nowMs)
  const events = read.events.filter(event => {
    const problem = judgeEvent(event, isOwn, bounds)
    if (problem) rejections[problem] = (rejections[problem] ?? 0) + 1
    return problem === undefined
  })
  return { events, rejections, instances }
}

const judgeEvent = ({ atMs, attributes }: LogEvent, isOwn: (labels: PathLabels) => boolean, bounds: TimeBounds) => {
  if (atMs < bounds.earliestMs) return 'too_old'
  if (atMs > bounds.latestMs) return 'in_future'
  if (!Object.hasOwn(attributes, 'causeway.check')) return undefined
  const labels = labelsOf(new Map(Object.entries(attributes)))
  if (!labels) return 'bad_attributes'
  return isOwn(labels) ? undefined : 'not_owned'
}
