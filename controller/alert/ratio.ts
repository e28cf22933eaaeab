/** Ratios of a link: what was lost, or sent again, of all that was sent. Pure. */
import { bad, good, unknown } from './series.ts'

/** Each counts by itself until it is judged: `part` of `whole`. */
export type Ratio = { part: number; whole: number }

/** Sample sizes under which a ratio is not known, and what of it is too much (reference: 3,000 packets; 1,000 segments and ten retransmits). */
export const ratios = {
  'default/loss-now': { whole: 200, part: 10, limit: 0.05, isOneWindow: true },
  'default/loss-ratio': { whole: 3000, part: 4, limit: 0.001, isOneWindow: false },
  'default/retransmits': { whole: 1000, part: 10, limit: 0.01, isOneWindow: false },
} as const
export type RatioRule = keyof typeof ratios
export const ratioRules = Object.keys(ratios) as RatioRule[]
/** Undefined: of a rule that is about no ratio. */
export const limitOfRatio = (rule: string): number | undefined => (rule in ratios ? ratios[rule as RatioRule].limit : undefined)
/** A ratio that is in order again, though its rule has not ended yet. */
export const isInOrder = (rule: string, last: number | undefined): boolean => {
  const limit = limitOfRatio(rule)
  return limit !== undefined && last !== undefined && last <= limit
}

const internetFactor = 2
/**
 * What is above the limit by fewer standard deviations (of a Poisson count at the limit) may be chance: of a link that loses a quarter of what it may, four packets
 * of 3,000 go in one sample of 140. It is counted on, to so many times the sample; what is above the limit then is.
 */
const [sureDeviations, mostSamples] = [3, 10] as const

/** `unknown`: not yet known. `usual`: of a link that is held against its own history. */
export const judgeRatio = (rule: RatioRule, { part, whole }: Ratio, usual: number | undefined): number => {
  const { part: least, limit, whole: sample, isOneWindow } = ratios[rule]
  const wanted = usual === undefined ? limit : Math.max(limit, internetFactor * usual)
  const expected = whole * wanted
  if (part < least || part <= expected) return good
  if (isOneWindow || whole >= mostSamples * sample) return bad
  return part - expected >= sureDeviations * Math.sqrt(expected) ? bad : unknown
}
