/** Findings about links: their ratios and budgets, and those that nobody measures. Pure. */
import { linkEnds } from '../../wire/link-name.ts'
import { plural } from '../../wire/plural.ts'
import { incidentKey, type Place, placeText } from '../localise/place.ts'
import { type Coverage, sayCoverage } from './blind.ts'
import { type Finding, nothingFound } from './incident.ts'
import type { LinkRule } from './link-alerts.ts'
import { isInOrder, limitOfRatio } from './ratio.ts'
import type { Rule } from './rules.ts'

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
  const { from, to = '' } = linkEnds(one.link)
  const place: Place = { kind: 'link', from, to }
  const isBlind = one.name === 'default/blind'
  const text = sayLink(one)
  return {
    ...nothingFound,
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
