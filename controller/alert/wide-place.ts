/** Faults of more than one machine: what can be said of all of them, and which path says it best. Pure. */
import type { Cause } from '../../wire/causes.ts'
import type { FailReason } from '../../wire/reasons.ts'
import type { Place } from '../localise/place.ts'
import type { BadPath } from './fault-finding.ts'

const silences: readonly (FailReason | undefined)[] = ['no_reply', 'tcp_timeout', 'host_unreachable', 'network_unreachable']

/** Between or in places of many machines nothing gets through: of none of them it can be said that it is down. */
export const isCut = (cause: Cause | null, { kind }: Place, paths: readonly BadPath[]): boolean => {
  if (kind === 'agent' || kind === 'node' || kind === 'target') return false
  return cause === 'host_down' || (cause === null && paths.every(({ badness }) => silences.includes(badness.reason)))
}

/** Between agents of two regions, towards the place where packets are lost on the way in: that is what a check between regions plays again. */
export const tellingPath = (place: Place, paths: readonly BadPath[]): BadPath => {
  const between = paths.filter(
    ({ verdict: { toAgent, region, toRegion } }) => toAgent !== undefined && toRegion !== undefined && region !== toRegion,
  )
  const isTowards = ({ verdict: { toRegion, toCloud } }: BadPath): boolean =>
    'direction' in place && place.direction !== 'out' && (place.name === toRegion || place.name === toCloud)
  return between.find(isTowards) ?? between[0] ?? paths[0]!
}
