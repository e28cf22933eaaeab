/** Of which path an agent's event speaks. Read from the events that their logs became (ingest/commit.ts). */
import { labelsOf, type PathLabels } from '../history/labels.ts'
import { pathIdOf } from '../history/question.ts'
import type { StoredEvent } from '../store/events.ts'

export type PathEvent = {
  readonly id: string
  readonly labels: PathLabels
  readonly attributes: Readonly<Record<string, string | number | boolean | null>>
}

/** Undefined: it speaks of none. */
export const readPathEvent = ({ subject, body }: StoredEvent): PathEvent | undefined => {
  const attributes = body['attributes'] as PathEvent['attributes'] | undefined
  const labels = attributes && labelsOf(new Map(Object.entries(attributes)))
  return labels && { id: pathIdOf(labels, subject), labels, attributes }
}
