/** What applying a plan would change: shown before anything is. */
import type { AssignedCheck, AssignedTarget, Assignment } from '../../wire/assignment.ts'
import type { Plan } from './plan.ts'
import type { LinkSummary, PlanSummary } from './summary.ts'

export type PlannedPath = { agent: string; check: string; target: string }
type Totals = Pick<
  PlanSummary,
  'paths' | 'series' | 'packetsPerSecond' | 'probeBytesPerSecond' | 'telemetryBytesPerSecond' | 'costPerMonth'
>
/** A link that is on one side only is null on the other. */
export type LinkDifference = { from: string; to: string; before: LinkSummary | null; after: LinkSummary | null }
export type Difference = {
  paths: { added: number; removed: number; changed: number }
  /** The first of them. `changed`: the same path with another interval, other options or another address. */
  added: PlannedPath[]
  removed: PlannedPath[]
  changed: PlannedPath[]
  before: Totals
  after: Totals
  /** Links of which anything differs. */
  links: LinkDifference[]
}

const maxListed = 1000

/** `before` undefined: nothing was planned yet. */
export const differencePlans = (before: Plan | undefined, after: Plan): Difference => {
  const difference: Difference = {
    paths: { added: 0, removed: 0, changed: 0 },
    added: [],
    removed: [],
    changed: [],
    before: totalsOf(before?.summary),
    after: totalsOf(after.summary),
    links: linkDifferences(before?.summary.links ?? [], after.summary.links),
  }
  const count = (what: 'added' | 'removed' | 'changed', path: PlannedPath): void => {
    difference.paths[what]++
    if (difference[what].length < maxListed) difference[what].push(path)
  }
  const ids = new Set([...(before?.assignments.keys() ?? []), ...after.assignments.keys()])
  for (const agent of [...ids].sort()) compare(agent, before?.assignments.get(agent), after.assignments.get(agent), count)
  return difference
}

type Count = (what: 'added' | 'removed' | 'changed', path: PlannedPath) => void

const compare = (agent: string, before: Assignment | undefined, after: Assignment | undefined, count: Count): void => {
  const checks = new Set([...(before?.checks ?? []), ...(after?.checks ?? [])].map(({ name }) => name))
  const [hadTargets, hasTargets] = [targetsByName(before), targetsByName(after)]
  for (const check of checks) {
    const [had, has] = [before, after].map(assignment => assignment?.checks.find(({ name }) => name === check))
    const isOther = had && has && settings(had) !== settings(has)
    const [hadNames, hasNames] = [new Set(had?.targets), new Set(has?.targets)]
    for (const target of hadNames) if (!hasNames.has(target)) count('removed', { agent, check, target })
    for (const target of hasNames) {
      if (!hadNames.has(target)) count('added', { agent, check, target })
      else if (isOther || isMoved(hadTargets.get(target), hasTargets.get(target))) count('changed', { agent, check, target })
    }
  }
}

const targetsByName = (assignment: Assignment | undefined): Map<string, AssignedTarget> =>
  new Map((assignment?.targets ?? []).map(target => [target.name, target]))
const settings = ({ targets: _, ...check }: AssignedCheck): string => JSON.stringify(check)
const isMoved = (a: AssignedTarget | undefined, b: AssignedTarget | undefined): boolean =>
  a !== b && JSON.stringify(a) !== JSON.stringify(b)

const none: Totals = { paths: 0, series: 0, packetsPerSecond: 0, probeBytesPerSecond: 0, telemetryBytesPerSecond: 0, costPerMonth: {} }
const totalsOf = (summary: PlanSummary | undefined): Totals => {
  if (!summary) return none
  const { paths, series, packetsPerSecond, probeBytesPerSecond, telemetryBytesPerSecond, costPerMonth } = summary
  return { paths, series, packetsPerSecond, probeBytesPerSecond, telemetryBytesPerSecond, costPerMonth }
}

const linkDifferences = (before: readonly LinkSummary[], after: readonly LinkSummary[]): LinkDifference[] => {
  const byKey = (links: readonly LinkSummary[]): Map<string, LinkSummary> => new Map(links.map(link => [`${link.from} ${link.to}`, link]))
  const [had, has] = [byKey(before), byKey(after)]
  return [...new Set([...had.keys(), ...has.keys()])].sort().flatMap(key => {
    const [from = '', to = ''] = key.split(' ')
    const [a, b] = [had.get(key) ?? null, has.get(key) ?? null]
    return JSON.stringify(a) === JSON.stringify(b) ? [] : [{ from, to, before: a, after: b }]
  })
}
