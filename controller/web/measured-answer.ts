/** Rows of the history as people read them: milliseconds, a verdict, and what the fleet file promises. Pure. */

import type { HistoryAnswer, LinkAnswer, Measured, PathAnswer, TargetAnswer } from '../../wire/api/measured.ts'
import type { FleetLink } from '../../wire/fleet.ts'
import { linkEnds, linkName } from '../../wire/link-name.ts'
import { msOf } from '../fleet/duration.ts'
import type { MergedFleet, Owned } from '../fleet/merge.ts'
import { regionOf } from '../fleet/select.ts'
import type { HistoryRow, Summary, Times } from '../history/query.ts'
import { type HistoryGroup, pathIdOf, readPathGroup } from '../history/question.ts'

/** So that nobody reads digits that mean nothing: a microsecond is what the kernel's clock can tell. */
const msOfSeconds = (seconds: number): number => Math.round(seconds * 1e6) / 1000

const timesOf = (times: Times | null): Measured['rttMs'] => {
  if (!times) return null
  const { count, p50, p95, p99, min, max } = times
  return {
    count,
    p50: msOfSeconds(p50),
    p95: msOfSeconds(p95),
    p99: msOfSeconds(p99),
    min: msOfSeconds(min),
    max: msOfSeconds(max),
  }
}

const verdictOf = ({ ok, fail }: Summary['runs']): Measured['verdict'] =>
  ok + fail === 0 ? 'unmeasured' : fail === 0 ? 'ok' : ok === 0 ? 'fail' : 'degraded'

export const measuredOf = (summary: Summary): Measured => {
  const { runs, reasons, availability, rttSeconds, durationSeconds, packets, lossRatio, segments, retransmits } = summary
  const { retransmitRatio, mtuBytes, certificateNotAfter } = summary
  return {
    verdict: verdictOf(runs),
    runs,
    reasons: { ...reasons },
    availability,
    rttMs: timesOf(rttSeconds),
    durationMs: timesOf(durationSeconds),
    lossRatio,
    packets: { ...packets },
    segments,
    retransmits,
    retransmitRatio,
    mtu: { ...mtuBytes },
    ...(certificateNotAfter !== null && { certificateNotAfter: new Date(certificateNotAfter * 1000).toISOString() }),
  }
}

export const pathAnswer = ({ group, summary }: HistoryRow): PathAnswer => {
  const path = readPathGroup(group)
  const { agent, check, kind, target, host, port, networkType, source, destination } = path
  return {
    id: pathIdOf(path, agent),
    agent,
    check,
    kind,
    target,
    host,
    ...(port !== undefined && { port }),
    ...(networkType !== undefined && { networkType }),
    ...(source && { from: regionOf(source) }),
    ...(destination && { to: regionOf(destination) }),
    measured: measuredOf(summary),
  }
}

export const objectiveOf = ({ availability, p95, outage }: NonNullable<FleetLink['objective']>): LinkAnswer['objective'] => ({
  ...(availability !== undefined && { availability }),
  ...(p95 !== undefined && { p95Ms: msOf(p95) }),
  ...(outage !== undefined && { outageMs: msOf(outage) }),
})

/** Undefined: nothing is promised, or nothing was measured. */
export const meets = (objective: LinkAnswer['objective'], availability: number | null, p95Ms: number | undefined): boolean | undefined => {
  const checks = [
    objective?.availability === undefined || availability === null ? undefined : availability * 100 >= objective.availability,
    objective?.p95Ms === undefined || p95Ms === undefined ? undefined : p95Ms <= objective.p95Ms,
  ].filter(one => one !== undefined)
  return checks.length ? checks.every(Boolean) : undefined
}

const byLink = (links: MergedFleet['links']): Map<string, Owned<FleetLink>> =>
  new Map(links.map(link => [linkName(link.from, link.to), link]))

/** Those that the fleet names and those that were measured. */
export const linkAnswers = (links: MergedFleet['links'], rows: readonly HistoryRow[]): LinkAnswer[] => {
  const declared = byLink(links)
  const measured = new Map(rows.map(row => [row.group, row]))
  return [...new Set([...declared.keys(), ...measured.keys()])].flatMap((group): LinkAnswer[] => {
    const { from, to } = linkEnds(group)
    // A path that does not say where it leads is on no link.
    if (to === undefined) return []
    const [link, row] = [declared.get(group), measured.get(group)]
    const objective = link?.objective && objectiveOf(link.objective)
    const summary = row && measuredOf(row.summary)
    const isMet = meets(objective, summary?.availability ?? null, summary?.rttMs?.p95)
    return [
      {
        from,
        to,
        ...(link && { owner: link.owner, medium: link.medium }),
        ...(objective && { objective }),
        ...(isMet !== undefined && { meets: isMet }),
        paths: row?.paths ?? 0,
        measured: summary ?? null,
      },
    ]
  })
}

export const targetAnswers = (targets: MergedFleet['targets'], rows: readonly HistoryRow[]): TargetAnswer[] => {
  const declared = new Map(targets.map(target => [target.name, target]))
  const measured = new Map(rows.map(row => [row.group, row]))
  return [...new Set([...declared.keys(), ...measured.keys()])].map((name): TargetAnswer => {
    const [target, row] = [declared.get(name), measured.get(name)]
    return {
      name,
      ...(target && { address: target.address, owner: target.owner }),
      ...(target?.location !== undefined && { location: target.location }),
      paths: row?.paths ?? 0,
      measured: row ? measuredOf(row.summary) : null,
    }
  })
}

export const historyAnswer = (groupBy: HistoryGroup, { group, startMs, paths, summary }: HistoryRow): HistoryAnswer => ({
  group: groupBy === 'path' ? pathIdOf(readPathGroup(group), readPathGroup(group).agent) : group,
  at: new Date(startMs).toISOString(),
  paths,
  measured: measuredOf(summary),
})
