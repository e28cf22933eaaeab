/** What a proof of identity proves. */

import { quote } from '../../wire/values.ts'
import type { Location } from '../fleet/select.ts'
import type { ProofRecord } from '../store/agents.ts'
import { type Refusal, refuse } from './refusal.ts'

/** `workload`: the Kubernetes service account it runs as. */
export type Proved = {
  ok: true
  id: string
  location: Location
  workload?: { namespace: string; serviceAccount: string }
  /** Said by who made the proof; they win over what the agent says of itself. */
  labels?: Readonly<Record<string, string>>
  proof: ProofRecord
}

/** What the agent says of itself in the body. It can only repeat what is proved, and say what no proof has: the zone within the proved region. */
export type Claimed = { id?: string; location?: Partial<Location> }

/** The identity with what was claimed, or which claim is another than the proof's. */
export const reconcileClaims = (proved: Proved, { id, location = {} }: Claimed): Proved | Refusal => {
  if (id !== undefined && id !== proved.id)
    return refuse('claims_differ', `says that it is ${quote(id)}, and the proof is of ${quote(proved.id)}`)
  const merged: Location = { ...proved.location }
  for (const key of ['cloud', 'region', 'zone', 'cluster', 'node'] as const) {
    const [said, known] = [location[key], proved.location[key]]
    if (said === undefined || said === known) continue
    if (known !== undefined || key !== 'zone')
      return refuse(
        'claims_differ',
        `says that its ${key} is ${quote(said)}, and the proof ${known === undefined ? 'has none' : `says ${quote(known)}`}`,
      )
    if (!isPlainWord(said)) return refuse('claims_differ', `says that its zone is ${quote(said)}: want one word`)
    merged[key] = said
  }
  return { ...proved, location: merged }
}

/** What ids and locations are made of. */
export const isPlainWord = (text: unknown): text is string => typeof text === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/.test(text)
