/**
 * Alerts of links: ratios, which are judged when enough was counted to know them; budgets that burn; and links that nobody measures. Forward and reverse
 * counts go to the link on which they were sent, so that loss has a direction.
 */
import { linkName, oppositeOf } from '../../wire/link-name.ts'
import type { MergedFleet } from '../fleet/merge.ts'
import { none, type Paths } from './paths.ts'
import { judgeRatio, type Ratio, ratioRules, ratios } from './ratio.ts'
import type { Rules } from './rules.ts'
import { bad, good, type SavedSeries, Series, unknown } from './series.ts'
import { at, width } from './tally.ts'
import type { Windows } from './windows.ts'

/** `usual`: what is usual for the link, learnt while it is well; `judged`: from how many times. */
type History = { usual: number; judged: number }
export const linkRules = [
  'default/loss-now',
  'default/loss-ratio',
  'default/retransmits',
  'default/burn-rate',
  'default/slow-burn',
  'default/blind',
] as const
export type LinkRule = (typeof linkRules)[number]
export type SavedLink = {
  series: { [R in LinkRule]?: SavedSeries }
  ratios: { [R in LinkRule]?: Ratio }
  history: { [R in LinkRule]?: History }
  last: { [R in LinkRule]?: number }
}

/** A link over the internet is held against its own history once it was judged so often. */
const [armed, weight] = [12, 0.05] as const

/** Of one link in one window: lost and sent by echoes, by datagrams, and segments sent again and sent. */
const sumWidth = 6

export class LinkAlerts {
  readonly series: { readonly [R in LinkRule]: Series } = {
    'default/loss-now': new Series(),
    'default/loss-ratio': new Series(),
    'default/retransmits': new Series(),
    'default/burn-rate': new Series(),
    'default/slow-burn': new Series(),
    'default/blind': new Series(),
  }
  readonly #paths: Paths
  readonly #links = new Map<number, Omit<SavedLink, 'series'>>()

  constructor(paths: Paths) {
    this.#paths = paths
  }

  #of(link: number): Omit<SavedLink, 'series'> {
    let one = this.#links.get(link)
    if (!one) this.#links.set(link, (one = { ratios: {}, history: {}, last: {} }))
    for (const name of linkRules) this.series[name].reserve(link + 1)
    return one
  }

  /** The ratio that was judged last. */
  lastOf(link: number, rule: LinkRule): number | undefined {
    return this.#links.get(link)?.last[rule]
  }
  usualOf(link: number, rule: LinkRule): number | undefined {
    return this.#links.get(link)?.history[rule]?.usual
  }

  /** `isBlindfold`: paths under maintenance. */
  count({ touched, now }: Windows, isBlindfold: (path: number) => boolean): void {
    const back = Int32Array.from({ length: this.#paths.links.all.length }, (_, link) => this.#reverseOf(link))
    const links = this.#paths.links.all.length
    const sums = new Float64Array(links * sumWidth)
    const add = (link: number, from: number, part: number, whole: number): void => {
      sums[link * sumWidth + from]! += part
      sums[link * sumWidth + from + 1]! += whole
    }
    for (const path of touched) {
      const link = this.#paths.link[path]!
      if (link === none || isBlindfold(path)) continue
      const from = path * width
      const [sent, udp, segmentsF, segmentsR] = [
        now[from + at.sent]!,
        now[from + at.udpSentF]!,
        now[from + at.segmentsF]!,
        now[from + at.segmentsR]!,
      ]
      if (sent > 0) add(link, 0, Math.max(0, sent - now[from + at.received]!), sent)
      if (udp > 0) {
        add(link, 2, Math.max(0, udp - now[from + at.udpReceivedF]!), udp)
        add(back[link]!, 2, Math.max(0, now[from + at.udpSentR]! - now[from + at.udpReceivedR]!), now[from + at.udpSentR]!)
      }
      if (segmentsF > 0) add(link, 4, now[from + at.retransmitsF]!, segmentsF)
      if (segmentsR > 0) add(back[link]!, 4, now[from + at.retransmitsR]!, segmentsR)
    }
    for (let link = 0; link < links; link++) {
      const sum = (place: number): number => sums[link * sumWidth + place]!
      // An echo does not say on which way it was lost: it counts where nothing else does.
      if (sum(3) > 0) this.#add(link, 'loss', sum(2), sum(3))
      else this.#add(link, 'loss', sum(0), sum(1))
      this.#add(link, 'retransmits', sum(4), sum(5))
    }
  }

  #reverseOf(link: number): number {
    return this.#paths.links.numberOf(oppositeOf(this.#paths.links.all[link]!))
  }

  #add(link: number, what: 'loss' | 'retransmits', part: number, whole: number): void {
    if (whole <= 0) return
    const { ratios: all } = this.#of(link)
    for (const name of what === 'loss' ? (['default/loss-now', 'default/loss-ratio'] as const) : (['default/retransmits'] as const)) {
      const ratio = (all[name] ??= { part: 0, whole: 0 })
      ratio.part += part
      ratio.whole += whole
    }
  }

  judge({ nowMs, rules, fleet }: { nowMs: number; rules: Rules; fleet: MergedFleet }): void {
    for (const [link, one] of this.#links)
      for (const name of ratioRules) {
        const [rule, ratio] = [rules.byName.get(name), one.ratios[name]]
        if (!rule || !ratio || ratio.whole < ratios[name].whole) continue
        const history = (one.history[name] ??= { usual: 0, judged: 0 })
        const isInternet = fleet.links.some(
          ({ from, to, medium }) => medium === 'internet' && linkName(from, to) === this.#paths.links.all[link],
        )
        const verdict = judgeRatio(name, ratio, isInternet && history.judged >= armed ? history.usual : undefined)
        if (verdict === unknown) continue
        const value = ratio.part / ratio.whole
        // What is wrong now is not what is usual.
        if (verdict === good) {
          history.usual = history.judged === 0 ? value : history.usual * (1 - weight) + value * weight
          history.judged++
        }
        one.last[name] = value
        one.ratios[name] = { part: 0, whole: 0 }
        this.series[name].step(link, verdict, rule.limits, nowMs)
      }
  }

  /** `measured` of `expected` paths of the link were measured in the last ten minutes: fewer than three, or than there are. */
  judgeBlind(link: number, measured: number, expected: number, { nowMs, rules }: { nowMs: number; rules: Rules }): void {
    this.#of(link)
    const rule = rules.byName.get('default/blind')
    if (rule)
      this.series['default/blind'].step(link, expected === 0 ? unknown : measured < Math.min(3, expected) ? bad : good, rule.limits, nowMs)
  }

  judgeBurn(
    link: number,
    name: 'default/burn-rate' | 'default/slow-burn',
    { verdict, rate }: { verdict: number; rate: number },
    { nowMs, rules }: { nowMs: number; rules: Rules },
  ): void {
    const one = this.#of(link)
    const rule = rules.byName.get(name)
    if (!rule) return
    one.last[name] = rate
    this.series[name].step(link, verdict, rule.limits, nowMs)
  }

  saveAll(): Record<string, SavedLink> {
    return Object.fromEntries(
      [...this.#links].map(([link, one]) => [
        this.#paths.links.all[link]!,
        {
          ...one,
          series: Object.fromEntries(
            linkRules.flatMap(name => (this.series[name].save(link) ? [[name, this.series[name].save(link)!]] : [])),
          ),
        },
      ]),
    )
  }

  loadAll(all: Record<string, SavedLink>): void {
    for (const [name, { series, ...one }] of Object.entries(all)) {
      const link = this.#paths.links.numberOf(name)
      this.#of(link)
      this.#links.set(link, one)
      for (const rule of linkRules) if (series[rule]) this.series[rule].load(link, series[rule])
    }
  }
}
