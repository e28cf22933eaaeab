/** What a fleet document would change if it were applied now: everything that is wrong with it, or the plan with it against the plan without. Pure, and seconds long. */
import { isDeepStrictEqual } from 'node:util'
import type { PlanDifference } from '../../wire/api/plan-difference.ts'
import type { Fleet } from '../../wire/fleet.ts'
import type { Problem } from '../../wire/problem.ts'
import { documentsInForce } from '../fleet/default-fleet.ts'
import { applyDocument, mergeFleets } from '../fleet/merge.ts'
import { parseFleet } from '../fleet/parse.ts'
import { differencePlans } from './difference.ts'
import type { LiveAgent } from './live-agent.ts'
import { type Circumstances, planFleet } from './plan.ts'
import type { PlanSummary } from './summary.ts'

export type PreviewQuestion = {
  /** The fleet file. */
  text: string
  /** Those that the fleet has now, of all owners. */
  documents: readonly Fleet[]
  agents: readonly LiveAgent[]
  circumstances: Circumstances
}
export type Preview =
  | { ok: false; problems: Problem[]; warnings: Problem[] }
  /** `isSame`: its owner has exactly this already. */
  | { ok: true; document: Fleet; isSame: boolean; warnings: Problem[]; plan: PlanDifference }

export const preview = ({ text, documents, agents, circumstances }: PreviewQuestion): Preview => {
  const parsed = parseFleet(text, documents)
  if (!parsed.ok) return parsed
  const { value: document, warnings } = parsed
  const isSame = documents.some(other => other.owner === document.owner && isDeepStrictEqual(plain(other), plain(document)))
  // What runs before anything is applied.
  const before = planFleet(mergeFleets(documentsInForce(documents)), agents, circumstances)
  const after = isSame ? before : planFleet(mergeFleets(applyDocument(documents, document)), agents, circumstances)
  return { ok: true, document, isSame, warnings, plan: { ...differencePlans(before, after), ...shown(after.summary) } }
}

/** As it comes back from a store. */
const plain = (fleet: Fleet): unknown => JSON.parse(JSON.stringify(fleet))

/** What of a plan is told beside the difference. Nobody reads more of each list; the counts are in the totals. */
const maxListed = 1000
const shown = ({ agents, meshLinks, atLimit, uncovered, withoutAddress, underProbed, idle }: PlanSummary) => ({
  agents,
  meshLinks,
  atLimit: atLimit.slice(0, maxListed),
  uncovered: uncovered.slice(0, maxListed),
  withoutAddress: withoutAddress.slice(0, maxListed),
  underProbed: underProbed.slice(0, maxListed),
  idle: idle.slice(0, maxListed),
})
