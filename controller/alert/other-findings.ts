/** Findings that are not about paths: links with their ratios and budgets, agents that are lost, clusters without identities. Pure. */

import { plural } from '../../wire/plural.ts'
import { incidentKey, type Place, placeText } from '../localise/place.ts'
import { type AgentFinding, type IdentityPlane, lostMs } from './agent-alerts.ts'
import { type Coverage, sayCoverage } from './blind.ts'
import type { Finding } from './incident.ts'
import type { LinkRule } from './link-alerts.ts'
import { isInOrder, limitOfRatio } from './ratio.ts'
import type { Rule } from './rules.ts'

const nothing: Omit<
  Finding,
  | 'key'
  | 'placeText'
  | 'layer'
  | 'severity'
  | 'rules'
  | 'what'
  | 'title'
  | 'sinceMs'
  | 'isFiring'
  | 'subjects'
  | 'impact'
  | 'evidence'
  | 'next'
  | 'runbook'
> = {
  cause: null,
  against: [],
  changed: [],
  fixes: [],
  checks: [],
  targets: [],
  agents: [],
  from: [],
  to: [],
  owners: [],
}

const percent = (ratio: number): string => `${Number((ratio * 100).toPrecision(2))} %`

export type BadLink = {
  readonly link: string
  readonly name: LinkRule
  readonly rule: Rule
  readonly isFiring: boolean
  readonly sinceMs: number
  readonly last: number | undefined
  readonly usual: number | undefined
  /** The ratio of the other way. */
  readonly otherWay?: number | undefined
  readonly owners: readonly string[]
  /** Of a blind one: how many of how many are measured, and why the others are not. */
  readonly coverage?: Coverage
}

export const subjectOfLink = (link: string, name: LinkRule): string => `${link} ${name}`

const sayLink = ({ name, last = 0 }: BadLink): string => {
  if (name === 'default/blind') return 'hardly anybody measures it'
  if (name === 'default/burn-rate') return `the error budget goes ${Number(last.toPrecision(2))} times too fast`
  if (name === 'default/slow-burn') return `the error budget goes ${Number(last.toPrecision(2))} times as fast as it may, for days`
  if (name === 'default/retransmits') return `${percent(last)} of TCP segments are sent again`
  return `${percent(last)} of packets are lost, this way`
}

const sayLimit = ({ name }: BadLink): string => {
  const limit = limitOfRatio(name)
  return limit === undefined ? '' : `, more than ${percent(limit)}`
}

/** What is lost on one way only tells which side to look at. */
const otherWayOf = ({ name, otherWay }: BadLink, from: string, to: string): string[] => {
  const limit = limitOfRatio(name)
  if (limit === undefined || otherWay === undefined || otherWay > limit) return []
  const what = name === 'default/retransmits' ? 'of TCP segments are sent again' : 'of packets are lost'
  return [`the other way, ${to} → ${from}: ${percent(otherWay)} ${what}`]
}

export const findingOfLink = (one: BadLink): Finding => {
  const [from = '', to = ''] = one.link.split(' → ')
  const place: Place = { kind: 'link', from, to }
  const isBlind = one.name === 'default/blind'
  const text = sayLink(one)
  return {
    ...nothing,
    key: isBlind ? `blind:${incidentKey(place, 'reach')}`.slice(0, 120) : incidentKey(place, 'reach'),
    place,
    placeText: placeText(place),
    layer: isBlind ? 'local' : 'reach',
    severity: one.rule.severity,
    rules: [one.rule.name],
    cause:
      one.name === 'default/loss-now' || one.name === 'default/loss-ratio' || one.name === 'default/retransmits' ? 'packet_loss' : null,
    what: isBlind ? 'blind' : one.rule.runbook,
    direction: 'forward',
    title: `${placeText(place)}: ${text}`,
    sinceMs: one.sinceMs,
    isFiring: one.isFiring,
    isHealing: isInOrder(one.name, one.last),
    subjects: [subjectOfLink(one.link, one.name)],
    impact: one.coverage
      ? `${one.coverage.expected - one.coverage.measured} of ${plural(one.coverage.expected, 'path')}`
      : `the link ${placeText(place)}`,
    evidence: [
      // Counts change with every window: they are no part of the title, which is told again when it changes.
      ...(one.coverage ? [sayCoverage(one.coverage)] : []),
      `${one.link}: ${text.replace(', this way', '')}${sayLimit(one)}${one.usual === undefined ? '' : `, ${percent(one.usual)} is usual`}`,
    ],
    against: otherWayOf(one, from, to),
    agents: [...(one.coverage?.agents ?? [])].sort(),
    next: isBlind ? 'probe get agents' : `probe check --from ${from} --to ${to}`,
    runbook: one.rule.runbook,
    from: [from],
    to: [to],
    owners: [...one.owners],
  }
}

const names = (agents: readonly string[]): string =>
  agents.length <= 5 ? agents.join(', ') : `${agents.slice(0, 5).join(', ')} and ${agents.length - 5} more`

/** `rule`: as the fleet file has it. Undefined where that has switched it off. */
export const findingOfAgents = (found: AgentFinding, rule: Rule | undefined, nowMs: number): Finding | undefined => {
  if (!rule) return undefined
  const base = {
    ...nothing,
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
  ...nothing,
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

/** What the narrower one says becomes part of the wider one. */
export const joinFindings = (wider: Finding, narrower: Finding): Finding => ({
  ...wider,
  severity: wider.severity === 'page' ? 'page' : narrower.severity,
  rules: [...new Set([...wider.rules, ...narrower.rules])],
  cause: wider.cause ?? narrower.cause,
  sinceMs: Math.min(wider.sinceMs, narrower.sinceMs),
  isFiring: wider.isFiring || narrower.isFiring,
  subjects: [...new Set([...wider.subjects, ...narrower.subjects])],
  against: [...new Set([...wider.against, ...narrower.against])].slice(0, 6),
  changed: [...new Set([...wider.changed, ...narrower.changed])],
  evidence: [...new Set([...wider.evidence, ...narrower.evidence])].slice(0, 10),
  from: [...new Set([...wider.from, ...narrower.from])],
  to: [...new Set([...wider.to, ...narrower.to])],
  owners: [...new Set([...wider.owners, ...narrower.owners])],
})
