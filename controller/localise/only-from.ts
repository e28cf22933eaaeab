/** Whether a target fails for one region and is well for the others: then the fault is in what the target thinks of that region, or in what that region knows of it. Pure. */
import type { PathVerdict } from './verdict.ts'

/** The region that all bad paths begin in and no good one does. */
export const onlyFrom = (bad: readonly PathVerdict[], good: readonly PathVerdict[]): string | undefined => {
  const region = bad[0]?.region
  if (region === undefined || good.length === 0) return undefined
  return bad.every(one => one.region === region) && good.every(one => one.region !== region) ? region : undefined
}
