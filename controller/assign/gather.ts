/** What the leader looks at: cheap enough to be asked every second, and the whole only when something has changed. */
import { documentsInForce } from '../fleet/default-fleet.ts'
import { msOf } from '../fleet/duration.ts'
import { agentsVersion, listPlannable, type PlannableRow } from '../store/agents.ts'
import { fleetGeneration, soundDocuments } from '../store/documents.ts'
import { getSetting } from '../store/settings.ts'
import type { Store } from '../store/store.ts'
import type { Candidate } from './planning.ts'
import { firstRollout, type Rollout } from './rollout.ts'

export const rolloutSetting = 'assign/rollout'

export type Outlook = { rollout: Rollout; newest: number; version: string }

/** `newest`: the last generation that was not refused; the good one when all since were. */
export const readOutlook = (store: Pick<Store, 'read'>): Promise<Outlook> =>
  store.read(async sql => {
    const rollout = (await getSetting<Rollout>(sql, rolloutSetting)) ?? firstRollout
    let newest = await fleetGeneration(sql)
    while (newest > rollout.good && rollout.refused.includes(newest)) newest--
    return { rollout, newest: Math.max(newest, rollout.good), version: await agentsVersion(sql) }
  })

/** Documents of generations, each read once: what was applied does not change. */
export const openDocuments = (
  store: Pick<Store, 'read'>,
): ((generations: readonly number[], refused: readonly number[]) => Promise<Candidate[]>) => {
  let held = new Map<string, Candidate>()
  return async (generations, refused) => {
    const next = new Map<string, Candidate>()
    for (const generation of generations) {
      const key = `${generation}/${refused.filter(one => one <= generation).join()}`
      next.set(key, held.get(key) ?? (await readCandidate(store, generation, refused)))
    }
    held = next
    return [...next.values()]
  }
}

const readCandidate = async (store: Pick<Store, 'read'>, generation: number, refused: readonly number[]): Promise<Candidate> => ({
  generation,
  documents: (await store.read(sql => soundDocuments(sql, generation, refused))).map(({ document }) => document),
})

export const readAgents = (store: Pick<Store, 'read'>): Promise<PlannableRow[]> => store.read(listPlannable)

/** Which periods of rotation it is: another text when a sampled mesh has to move on. */
export const rotationOf = (candidates: readonly Candidate[], nowMs: number): string =>
  candidates
    .flatMap(({ documents }) => documentsInForce(documents))
    .flatMap(({ mesh }) => mesh)
    .filter(({ policy, rotate }) => policy === 'sampled' && msOf(rotate) > 0)
    .map(({ name, rotate }) => `${name}/${Math.floor(nowMs / msOf(rotate))}`)
    .join()
