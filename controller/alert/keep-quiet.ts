/** Which incidents nobody is reminded of: those that somebody has taken, and those that are silenced. */
import { listHeld, setQuiet } from '../store/deliveries.ts'
import type { Sql } from '../store/sql.ts'
import type { Incident } from './incident.ts'

/**
 * Compared with the deliveries in every turn, not when somebody decides: what was decided before the first word had reached a receiver counts as well, and a
 * silence ends without anybody doing anything.
 */
export const keepQuiet = async (sql: Sql, incidents: readonly Pick<Incident, 'id' | 'isSilenced'>[]): Promise<void> => {
  const silenced = new Map(incidents.map(({ id, isSilenced }) => [id, isSilenced]))
  for (const { key, incident, isQuiet, isAcknowledged } of await listHeld(sql)) {
    const isWanted = isAcknowledged || silenced.get(incident)
    if (isWanted !== undefined && isWanted !== isQuiet) await setQuiet(sql, key, isWanted)
  }
}
