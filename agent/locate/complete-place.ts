/** What was said of a place, and what was found out. Pure. */
import type { Place } from '../path.ts'

/** What was said, completed by what was found where the two agree on the region. */
export const completePlace = (said: Partial<Place>, found: Place | undefined): Place | undefined => {
  const { cloud, region, zone } = said
  const isSame = (cloud === undefined || cloud === found?.cloud) && (region === undefined || region === found?.region)
  if (!found || !isSame) return cloud === undefined ? undefined : { cloud, region: region ?? '', ...(zone !== undefined && { zone }) }
  return { ...found, ...(zone !== undefined && { zone }) }
}

/** Whether there is anything to find. */
export const isIncomplete = ({ cloud, region, zone }: Partial<Place>): boolean =>
  cloud === undefined || region === undefined || zone === undefined
