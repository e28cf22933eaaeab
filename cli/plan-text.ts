/** What applying a fleet file would change, for a person who has to say yes to it: paths, traffic, cost per link, and what is not covered. */
import type { ApplyAnswer } from '../wire/api/fleet.ts'
import type { PlanDifference } from '../wire/api/plan-difference.ts'
import { showBytesPerSecond, showCount, showMoney } from './amounts.ts'
import { printable } from './printable.ts'
import { type Column, tableLines } from './table.ts'
import { type Style, wrap } from './terminal.ts'
import { problemLine } from './with-client.ts'

type Link = PlanDifference['links'][number]
/** More of a kind would push the totals off the screen. */
const shownPaths = 10
const shownEach = 5

export const planLines = (
  { owner, generation, warnings, plan }: ApplyAnswer,
  file: string,
  style: Style,
  width: number | undefined,
): string[] => [
  // Not broken into lines: editors jump to what stands first.
  ...warnings.map(problem => style.warn(problemLine(problem, file))),
  style.strong(`plan for ${printable(owner)}`) + style.dim(`  against generation ${generation}, ${plan.agents} agents`),
  '',
  ...pathLines(plan, style),
  ...totalLines(plan),
  ...linkLines(plan.links, style, width),
  ...lackLines(plan, style),
]

const pathLines = ({ paths, added, removed, changed }: PlanDifference, style: Style): string[] => {
  const list = (sign: string, some: PlanDifference['added'], count: number, paint: (text: string) => string): string[] => [
    ...some.slice(0, shownPaths).map(({ agent, check, target }) => paint(style.fit(printable(`  ${sign} ${check}  ${agent} → ${target}`)))),
    ...(count > shownPaths ? [style.dim(`  ${sign} and ${showCount(count - Math.min(count, shownPaths))} more`)] : []),
  ]
  return [
    `paths: ${style.good(`${showCount(paths.added)} added`)}, ${style.bad(`${showCount(paths.removed)} removed`)}, ${style.warn(`${showCount(paths.changed)} changed`)}`,
    ...list('+', added, paths.added, style.good),
    ...list('-', removed, paths.removed, style.bad),
    ...list('~', changed, paths.changed, style.warn),
    '',
  ]
}

const totalLines = ({ before, after }: PlanDifference): string[] => {
  const rows: [string, string, string][] = [
    ['paths', showCount(before.paths), showCount(after.paths)],
    ['series', showCount(before.series), showCount(after.series)],
    ['packets/s', showCount(before.packetsPerSecond), showCount(after.packetsPerSecond)],
    ['probes', showBytesPerSecond(before.probeBytesPerSecond), showBytesPerSecond(after.probeBytesPerSecond)],
    ['telemetry', showBytesPerSecond(before.telemetryBytesPerSecond), showBytesPerSecond(after.telemetryBytesPerSecond)],
    ['egress cost per month', showMoney(before.costPerMonth), showMoney(after.costPerMonth)],
  ]
  const wide = Math.max(...rows.map(([, was]) => was.length))
  return [...rows.map(([name, was, is]) => `${name.padEnd(22)} ${was.padStart(wide)} -> ${is}`), '']
}

const now =
  (of: (load: NonNullable<Link['after']>) => string) =>
  ({ after }: Link): string =>
    after ? of(after) : '0'
const linkColumns: Column<Link>[] = [
  { title: 'FROM', of: ({ from }) => from },
  { title: 'TO', of: ({ to }) => to },
  { title: 'PATHS', of: ({ before, after }) => changeText(before?.paths ?? 0, after?.paths ?? 0), right: true },
  { title: 'PACKETS/S', of: now(({ packetsPerSecond }) => showCount(packetsPerSecond)), right: true },
  { title: 'PROBES', of: now(({ probeBytesPerSecond }) => showBytesPerSecond(probeBytesPerSecond)), right: true },
  { title: 'TELEMETRY', of: now(({ telemetryBytesPerSecond }) => showBytesPerSecond(telemetryBytesPerSecond)), right: true },
  { title: 'PER MONTH', of: now(({ costPerMonth, price }) => showMoney({ [price.currency]: costPerMonth })), right: true },
  { title: 'PRICE', of: ({ before, after }) => priceText((after ?? before)?.price) },
]

const changeText = (before: number, after: number): string =>
  before === after ? showCount(after) : `${showCount(before)} -> ${showCount(after)}`

const priceSources = { link: 'of the link', prices: 'of the fleet', default: 'list price', none: 'unknown' } as const
const priceText = (price: NonNullable<Link['after']>['price'] | undefined): string =>
  price ? `${price.perGB}/GB ${priceSources[price.from]}${price.asOf === undefined ? '' : ` ${price.asOf}`}` : ''

/** The dearest first. */
const linkLines = (links: readonly Link[], style: Style, width: number | undefined): string[] => {
  if (links.length === 0) return []
  const byCost = links.toSorted((a, b) => (b.after?.costPerMonth ?? 0) - (a.after?.costPerMonth ?? 0))
  const more = links.length > 20 ? [style.dim(`and ${links.length - 20} more links: --output json`)] : []
  return [...tableLines(linkColumns, byCost.slice(0, 20), style, width), ...more, '']
}

const whyText = {
  agents: 'too few agents',
  limit: 'its agents have all the targets that they may have',
  address: 'no address that the other side can reach',
} as const
const idleText = { agents: 'no agent fits', targets: 'it has no target' } as const

/** What a plan can't do, and which line of the file would change that. */
const lackLines = ({ atLimit, uncovered, withoutAddress, underProbed, idle, meshLinks }: PlanDifference, style: Style): string[] => {
  const list = <T>(title: string, all: readonly T[], say: (one: T) => string): string[] =>
    all.length === 0
      ? []
      : [
          style.warn(`${style.symbols.warn} ${title}: ${all.length >= 1000 ? '1000 or more' : all.length}`),
          ...all.slice(0, shownEach).flatMap(one => wrap(style.fit(printable(say(one))), style.width - 4).map(line => `    ${line}`)),
          ...(all.length > shownEach ? [style.dim(`    and ${all.length - shownEach} more`)] : []),
        ]
  return [
    ...(meshLinks.total > 0 ? [`links of meshes covered: ${meshLinks.covered} of ${meshLinks.total}`] : []),
    ...list(
      'links without an address',
      withoutAddress,
      ({ mesh, from, to, reach, advertised }) =>
        `${mesh}: ${from} → ${to} can reach ${reach.join(' or ')}, and ${to} advertises ${advertised.join(', ') || 'nothing'}`,
    ),
    ...list(
      'links with fewer agent pairs than wanted',
      uncovered.filter(({ why }) => why !== 'address'),
      ({ mesh, from, to, pairs, wanted, why }) => `${mesh}: ${from} → ${to} has ${pairs} of ${wanted}: ${whyText[why]}`,
    ),
    ...list('agents at a limit', atLimit, ({ agent, limit, value, most }) =>
      limit === 'maxTargets'
        ? `${agent} has ${value} targets, which is maxTargets`
        : `${agent}: ${value.toFixed(0)} probes/s, of ${most} that an agent runs`,
    ),
    ...list(
      'agents that too few others probe',
      underProbed,
      ({ agent, mesh, probers, wanted }) => `${mesh}: ${agent} has ${probers} of ${wanted}`,
    ),
    ...list('checks that nobody runs', idle, ({ check, why }) => `${check}: ${idleText[why]}`),
  ]
}
