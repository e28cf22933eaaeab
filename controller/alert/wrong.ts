/** Everything that is wrong now, as findings: faults of paths by localisation, then links, agents and clusters, each said once. */

import { type AgentFinding, judgeIdentityPlanes } from './agent-alerts.ts'
import { windowMs } from './badness.ts'
import type { Evaluation } from './evaluation.ts'
import type { Finding } from './incident.ts'
import { linkRules } from './link-alerts.ts'
import { mergeFindings } from './merge-findings.ts'
import { findingOfAgents, findingOfIdentityPlane, findingOfLink } from './other-findings.ts'
import { failureFindings, slowFindings } from './path-findings.ts'
import type { Surroundings } from './surroundings.ts'

type Changed = (finding: Finding) => string[]

export const findWrong = (evaluation: Evaluation, around: Surroundings, changed: Changed): Finding[] => {
  evaluation.verdicts.renew(around.agents, evaluation.fleetwise.targets)
  const failures = failureFindings(evaluation, around)
  const slow = [...evaluation.slow.names()].flatMap(name => slowFindings(evaluation, around, name))
  const others = [...slow, ...linkFindings(evaluation, around), ...agentFindings(evaluation, around, failures)]
  return mergeFindings(failures, others).map(finding => ({ ...finding, changed: changed(finding) }))
}

const linkFindings = ({ links, paths }: Evaluation, { rules, fleet }: Surroundings): Finding[] =>
  linkRules.flatMap(name => {
    const [rule, series] = [rules.byName.get(name), links.series[name]]
    if (!rule) return []
    return paths.links.all.flatMap((link, number) => {
      if (!series.isBad(number)) return []
      const owners = fleet.links.filter(({ from, to }) => `${from} → ${to}` === link).map(({ owner }) => owner)
      const known = { last: links.lastOf(number, name), usual: links.usualOf(number, name) }
      return [
        findingOfLink({
          link,
          name,
          rule,
          isFiring: series.isFiring(number),
          sinceMs: series.sinceMs(number) - windowMs,
          owners,
          ...known,
        }),
      ]
    })
  })

const agentFindings = (
  evaluation: Evaluation,
  { rules, agents, location, nowMs }: Surroundings,
  failures: readonly Finding[],
): Finding[] => {
  const lost = evaluation.agentFindings().flatMap(found => {
    if (found.kind === 'isolated' && isSeenFromHere(found, failures, location && `${location.cloud}/${location.region}`)) return []
    return findingOfAgents(found, rules.byName.get('default/agent-lost'), nowMs) ?? []
  })
  // Workloads without an identity are what the rule of identities is about.
  if (!rules.byName.has('default/identity')) return lost
  const planes = judgeIdentityPlanes(
    [...agents.values()].filter(({ state }) => state === 'live'),
    agent => evaluation.hasIdentity(agent),
  )
  const known = evaluation.planes()
  return [...lost, ...planes.flatMap(plane => (known.has(plane.cluster) ? [findingOfIdentityPlane(plane, known.get(plane.cluster)!)] : []))]
}

/** Agents on this side see the same cut as a fault of the link: that is the one incident. */
const isSeenFromHere = (
  found: Extract<AgentFinding, { kind: 'isolated' }>,
  failures: readonly Finding[],
  home: string | undefined,
): boolean =>
  failures.some(
    ({ layer, from, to }) =>
      (layer === 'reach' || layer === 'tcp') &&
      (home === undefined || [...from, ...to].includes(home)) &&
      [...from, ...to].some(one => found.regions.includes(one)),
  )
