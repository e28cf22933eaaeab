/** Everything that is wrong now, as findings: faults of paths by localisation, then links, agents and clusters, each said once. */

import { linkName, oppositeOf } from '../../wire/link-name.ts'
import { msOf } from '../fleet/duration.ts'
import { regionOf } from '../fleet/select.ts'
import { linkOf } from '../history/query.ts'
import { type AgentFinding, judgeIdentityPlanes } from './agent-alerts.ts'
import { windowMs } from './badness.ts'
import type { Evaluation } from './evaluation.ts'
import type { Finding } from './incident.ts'
import { lateFindings } from './late-findings.ts'
import { linkRules } from './link-alerts.ts'
import { findingOfLink } from './link-finding.ts'
import { joinWays, mergeFindings } from './merge-findings.ts'
import { findingOfAgents, findingOfIdentityPlane } from './other-findings.ts'
import { failureFindings } from './path-findings.ts'
import { type NewsWorld, withNews } from './say-news.ts'
import { slowFindings } from './slow-findings.ts'
import type { Surroundings } from './surroundings.ts'

type Changed = (finding: Finding) => string[]

export const findWrong = (evaluation: Evaluation, around: Surroundings, changed: Changed): Finding[] => {
  evaluation.verdicts.renew(around.agents, evaluation.fleetwise.targets)
  const explained = explaining(evaluation, around)
  const failures = failureFindings(evaluation, around).map(explained)
  const slow = [...evaluation.slow.names()].flatMap(name => slowFindings(evaluation, around, name)).map(explained)
  const others = [
    ...lateFindings(evaluation, around),
    ...slow,
    ...joinWays(linkFindings(evaluation, around)).map(explained),
    ...agentFindings(evaluation, around, failures),
  ]
  const home = around.location && regionOf(around.location)
  return mergeFindings(failures, others, home).map(finding => ({ ...finding, changed: [...finding.changed, ...changed(finding)] }))
}

/** With what the agents noticed when it began. */
const explaining = ({ diagnoses, paths }: Evaluation, { fleet }: Surroundings): ((finding: Finding) => Finding) => {
  let traced: Set<string> | undefined
  const world: NewsWorld = {
    news: diagnoses.news,
    isTraced(link) {
      traced ??= new Set(paths.labels.flatMap(labels => (labels?.kind === 'trace' ? [linkOf(labels)] : [])))
      return traced.has(link)
    },
    allowedMs(link) {
      const outage = fleet.links.find(({ from, to }) => linkName(from, to) === link)?.objective?.outage
      return outage === undefined ? undefined : msOf(outage)
    },
  }
  return finding => withNews(finding, world)
}

const linkFindings = (evaluation: Evaluation, { rules, fleet }: Surroundings): Finding[] =>
  linkRules.flatMap(name => {
    const { links, paths } = evaluation
    const [rule, series] = [rules.byName.get(name), links.series[name]]
    if (!rule) return []
    return paths.links.all.flatMap((link, number) => {
      if (!series.isBad(number)) return []
      const owners = fleet.links.filter(({ from, to }) => linkName(from, to) === link).map(({ owner }) => owner)
      const coverage = name === 'default/blind' ? evaluation.coverageOf(number) : undefined
      const known = {
        last: links.lastOf(number, name),
        usual: links.usualOf(number, name),
        otherWay: links.lastOf(paths.links.find(oppositeOf(link)), name),
        ...(coverage && { coverage }),
      }
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
    if (found.kind === 'isolated' && isSeenFromHere(found, failures, location && regionOf(location))) return []
    const finding = findingOfAgents(found, rules.byName.get('default/agent-lost'), nowMs)
    const regions = found.agents.map(agent => agents.get(agent)).flatMap(agent => (agent ? [regionOf(agent.location)] : []))
    return finding ? [{ ...finding, from: [...new Set(regions)] }] : []
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
