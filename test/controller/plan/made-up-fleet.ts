import { parseFleet } from '../../../controller/fleet/parse.ts'
import type { LiveAgent } from '../../../controller/plan/live-agent.ts'
import type { Fleet } from '../../../wire/fleet.ts'

export const fleetOf = (yaml: string): Fleet => {
  const parsed = parseFleet(`apiVersion: causeway/v1\n${yaml}`)
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
  return parsed.value
}

const clouds = ['aws', 'azure', 'gcp']

/** An agent of a flat network: one address that everyone reaches. `region` counts over all clouds. */
export const agentOf = (number: number, region: number, more: Partial<LiveAgent> = {}): LiveAgent => ({
  id: `a${String(number).padStart(5, '0')}`,
  location: { cloud: clouds[region % 3]!, region: `r${region}`, zone: `z${(number >> 3) % 3}`, node: `n${number}` },
  advertise: [{ scope: 'node', host: `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}` }],
  ...more,
})

export const agentsOf = (count: number, regions: number): LiveAgent[] =>
  Array.from({ length: count }, (_, index) => agentOf(index, index % regions))
