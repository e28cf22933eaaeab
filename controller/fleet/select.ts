/** Which agents a selector means: of any of the values of each key that it has, with all of its labels. */
import type { FleetCluster, Selector } from '../../wire/fleet.ts'
import { nearest } from '../../wire/near.ts'
import type { Steps } from '../../wire/problem.ts'
import type { Finding } from '../../wire/read.ts'
import { quote } from '../../wire/values.ts'

/** Where an agent is. Nothing of it is checked here: it comes from the agent's credential. */
export type Location = { cloud: string; region: string; zone?: string; cluster?: string; node?: string }
export type Selectable = { id: string; location: Location; labels?: Readonly<Record<string, string>> }

/** `cloud/region`: what links are named by. */
export const regionOf = ({ cloud, region }: Location): string => `${cloud}/${region}`

/** A selector without any key means every agent. */
export const selects = (selector: Selector | undefined, { id, location, labels = {} }: Selectable): boolean => {
  if (!selector) return true
  const values = {
    cloud: location.cloud,
    region: regionOf(location),
    zone: location.zone,
    cluster: location.cluster,
    node: location.node,
    agent: id,
  } as const
  const keys = Object.keys(values) as (keyof typeof values)[]
  return (
    keys.every(key => selector[key] === undefined || (values[key] !== undefined && selector[key].includes(values[key]))) &&
    Object.entries(selector.labels ?? {}).every(([name, value]) => Object.hasOwn(labels, name) && labels[name] === value)
  )
}

/** Selectors that no agent can ever fit. */
export const selectorProblems = (selector: Selector | undefined, clusters: readonly FleetCluster[], steps: Steps): Finding[] => {
  if (!selector) return []
  const problems: Finding[] = []
  const { cloud, region, cluster } = selector
  if (cloud && region && !region.some(one => cloud.includes(one.split('/')[0]!)))
    problems.push({ steps: [...steps, 'region'], message: `none of these regions is in ${cloud.join(' or ')}: no agent can fit both` })
  const known = cluster?.map(name => clusters.find(one => one.name === name)) ?? []
  if (!known.length || known.some(one => !one)) return problems
  const declared = known as FleetCluster[]
  if (cloud && !declared.some(one => cloud.includes(one.cloud)))
    problems.push({ steps: [...steps, 'cluster'], message: `none of these clusters is in ${cloud.join(' or ')}: no agent can fit both` })
  else if (region && !declared.some(one => region.includes(regionOf(one))))
    problems.push({ steps: [...steps, 'cluster'], message: `none of these clusters is in ${region.join(' or ')}: no agent can fit both` })
  return problems
}

/** Clusters and clouds that nothing else in the fleet knows: slips of the fingers, or agents that enrol by other means. */
export const selectorWarnings = (
  selector: Selector | undefined,
  known: { cloud: readonly string[]; cluster: readonly string[] },
  steps: Steps,
): Finding[] =>
  (['cloud', 'cluster'] as const).flatMap(key =>
    (selector?.[key] ?? []).flatMap((name, index) => {
      if (known[key].includes(name)) return []
      const near = nearest(name, known[key])
      return [
        {
          steps: [...steps, key, index],
          message: `nothing else here knows the ${key} ${quote(name)}${near ? `, did you mean ${near}?` : ''}`,
        },
      ]
    }),
  )
