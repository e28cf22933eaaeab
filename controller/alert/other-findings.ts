/** Findings that are about no path and no link: agents that are lost, clusters without identities. Pure. */
import { plural } from '../../wire/plural.ts'
import { incidentKey, type Place, placeText } from '../localise/place.ts'
import { type AgentFinding, type IdentityPlane, lostMs } from './agent-alerts.ts'
import { type Finding, nothingFound } from './incident.ts'
import type { Rule } from './rules.ts'

const names = (agents: readonly string[]): string =>
  agents.length <= 5 ? agents.join(', ') : `${agents.slice(0, 5).join(', ')} and ${agents.length - 5} more`

/** `rule`: as the fleet file has it. Undefined where that has switched it off. */
export const findingOfAgents = (found: AgentFinding, rule: Rule | undefined, nowMs: number): Finding | undefined => {
  if (!rule) return undefined
  const base = {
    ...nothingFound,
    isFiring: nowMs - found.sinceMs >= lostMs + rule.limits.forMs,
    sinceMs: found.sinceMs,
    agents: [...found.agents],
    next: 'probe get agents',
    evidence: [`silent: ${names(found.agents)}`],
  }
  if (found.kind === 'isolated')
    return {
      ...base,
      key: 'controller_isolated',
      placeText: 'this controller',
      layer: 'local',
      severity: 'page',
      rules: ['controller_isolated'],
      what: 'controller_isolated',
      title: `this controller is cut off from ${found.regions.join(', ')}`,
      subjects: found.agents.map(agent => `agent ${agent}`),
      impact: `${found.agents.length} of ${plural(found.of, 'agent')} fell silent at once: nothing is known of what they watch`,
      against: ['they did not fall silent one by one, as agents do that end'],
      from: [...found.regions],
      to: [],
      runbook: 'controller_isolated',
    }
  const place: Place = { kind: found.isRegion ? 'region' : 'agent', name: found.place, direction: 'both' }
  return {
    ...base,
    key: incidentKey(place, 'local'),
    place,
    placeText: placeText(place),
    layer: 'local',
    severity: found.isRegion ? 'page' : rule.severity,
    rules: [rule.name],
    what: 'agent_lost',
    title: found.isRegion
      ? `${found.place}: ${plural(found.agents.length, 'agent')} are silent, half of it or more`
      : `${found.place}: the agent is silent`,
    subjects: found.agents.map(agent => `agent ${agent}`),
    impact: `${plural(found.agents.length, 'agent')}: what they watched is not watched`,
    runbook: 'agent_lost',
    ...(found.isRegion && { from: [found.place] }),
  }
}

export const findingOfIdentityPlane = ({ cluster, agents, of }: IdentityPlane, sinceMs: number): Finding => ({
  ...nothingFound,
  key: `identity_plane_down:${cluster}`.slice(0, 120),
  placeText: `cluster ${cluster}`,
  layer: 'identity',
  severity: 'page',
  rules: ['identity_plane_down'],
  what: 'identity_plane_down',
  title: `cluster ${cluster}: workloads get no identity`,
  sinceMs,
  isFiring: true,
  subjects: [`cluster ${cluster}`],
  impact: `${agents.length} of ${plural(of, 'agent')} there have no SVID`,
  evidence: [`local_svid_unavailable at ${names(agents)}`],
  fixes: [
    { where: `cluster ${cluster}: do the SPIRE agents run?`, command: 'kubectl get pods --namespace spire --output wide' },
    {
      where: 'what do they say?',
      command: 'kubectl logs --namespace spire daemonset/spire-agent --tail=200 | grep -i -e error -e renew -e attest',
    },
    { where: 'start them anew', command: 'kubectl rollout restart --namespace spire daemonset/spire-agent' },
  ],
  next: `probe get agents --cluster ${cluster}`,
  runbook: 'identity_plane_down',
  agents: [...agents],
})
