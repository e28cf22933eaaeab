/** A fleet document that lies in a file of the controller's own: applied when it is another than its owner has. */
import { isDeepStrictEqual } from 'node:util'
import type { Problem } from '../../wire/problem.ts'
import { putDocument } from '../store/documents.ts'
import type { Store } from '../store/store.ts'
import type { FleetReader } from './current.ts'
import { parseFleet } from './parse.ts'

export type Applied =
  | { ok: true; outcome: 'applied' | 'unchanged'; generation: number; warnings: Problem[] }
  | { ok: false; problems: Problem[] }

type Means = { store: Pick<Store, 'write'>; fleet: FleetReader; author: string; nowMs: number }

/** Replicas that have the same file agree: the first one's is a generation, and the others find it unchanged. */
export const applyText = async (text: string, { store, fleet, author, nowMs }: Means): Promise<Applied> => {
  for (;;) {
    const { generation, fleets } = await fleet.refresh()
    const parsed = parseFleet(text, fleets)
    if (!parsed.ok) return { ok: false, problems: parsed.problems }
    const { value: document, warnings } = parsed
    const held = fleets.find(({ owner }) => owner === document.owner)
    if (held && isDeepStrictEqual(held, JSON.parse(JSON.stringify(document))))
      return { ok: true, outcome: 'unchanged', generation, warnings }
    const stored = await store.write(sql => putDocument(sql, { document, author, nowMs, expected: generation }))
    if (!stored.ok) continue
    await fleet.refresh()
    return { ok: true, outcome: 'applied', generation: stored.generation, warnings }
  }
}
