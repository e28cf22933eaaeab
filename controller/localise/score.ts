/**
 * How much better a place explains what is seen than chance does, in nats. A fault at a place makes a share `p` of its pairs bad, whatever that share
 * is; elsewhere a pair is bad by chance. The better explanation is the one whose likelihood, less what it costs to name its places, is higher
 * (minimum description length: Rissanen 1978). Why not shares and thresholds: docs/decisions/0007-localising-by-likelihood.md.
 */

/** A place of which fewer of its pairs are bad is not what is broken: one lane of eight, with the way there and back, is more. */
const leastShare = 0.1

/** Naming a place at all: so that chance alone names one in hundreds of fleets (e⁻⁶ beside the choice among its like). */
const namingCost = 6

/** What it costs to name one place of `many`: the same for all, so that of two places that explain the same the narrower is named, and not the rarer kind. */
export const costOf = (many: number): number => namingCost + Math.log(Math.max(1, many))

/** A pair has about this many further checks, any of which chance may pick. */
const likelyRepeats = 4

/**
 * `bad` and `good` pairs within the place; `repeated` are further failing checks on its bad pairs, each of which chance would have to bring about too.
 * `noise` is the share of pairs that are bad by chance.
 */
export const gainOf = (bad: number, good: number, repeated: number, noise: number): number => {
  const share = bad / (bad + good)
  if (bad === 0 || share < Math.max(leastShare, 2 * noise)) return Number.NEGATIVE_INFINITY
  const against = good === 0 ? 0 : good * Math.log((1 - share) / (1 - noise))
  return bad * Math.log(share / noise) + against + repeated * Math.max(0, Math.log(1 / (likelyRepeats * noise)))
}
