/** A way through gateways: legs that are measured each by itself, from an agent beside its beginning, and the whole as the workload uses it. Which leg fails. Pure. */
import type { Diagnosis } from '../wire/causes.ts'
import { plural } from '../wire/plural.ts'
import type { Verdict } from '../wire/result.ts'

export type Leg = { from: string; to: string; verdict: Verdict; diagnosis: readonly Diagnosis[] }

export type LegsJudged = {
  verdict: Verdict
  /** Counted from 1. */
  failing: number[]
  /** One sentence that says where, and then what is known about it. */
  summary: string
  /** What speaks against it, or says how far it goes. */
  notes: string[]
}

const order: readonly Verdict[] = ['fail', 'unmeasured', 'degraded', 'ok']

export const judgeLegs = (legs: readonly Leg[], whole?: Leg): LegsJudged => {
  const numbersOf = (verdict: Verdict): number[] => legs.flatMap((leg, at) => (leg.verdict === verdict ? [at + 1] : []))
  const [failing, unmeasured] = [numbersOf('fail'), numbersOf('unmeasured')]
  const verdicts = [...legs, ...(whole ? [whole] : [])].map(({ verdict }) => verdict)
  return {
    verdict: order.find(verdict => verdicts.includes(verdict)) ?? 'unmeasured',
    failing,
    summary: sayWhere(legs, failing, unmeasured, whole),
    notes: [
      ...(failing.length > 0 && failing.length + unmeasured.length < legs.length ? [sayWorking(legs, failing, unmeasured)] : []),
      ...(unmeasured.length > 0 && failing.length > 0 ? [`not measured: ${sayNumbers(unmeasured)}`] : []),
      ...(failing.length > 0 && (whole?.verdict === 'ok' || whole?.verdict === 'degraded')
        ? ['the whole way works nevertheless: it does not take this leg, or the gateway lets in only what comes its usual way']
        : []),
    ],
  }
}

const sayNumbers = (numbers: readonly number[]): string => `${numbers.length === 1 ? 'leg' : 'legs'} ${numbers.join(', ')}`
const sayLeg = (legs: readonly Leg[], number: number): string => {
  const { from, to } = legs[number - 1]!
  return `leg ${number} of ${legs.length}, ${from} → ${to},`
}
const sayWhy = ({ diagnosis: [first] }: Leg): string => (first ? `: ${first.summary}` : '')

const sayWhere = (legs: readonly Leg[], failing: readonly number[], unmeasured: readonly number[], whole: Leg | undefined): string => {
  const [first, ...more] = failing
  if (first !== undefined) {
    const also = more.length > 0 ? ` ${sayNumbers(more)} fail${more.length === 1 ? 's' : ''} too.` : ''
    const why = sayWhy(legs[first - 1]!)
    return `${sayLeg(legs, first)} fails${why === '' ? '.' : why}${also}`
  }
  if (unmeasured.length > 0) return `${sayLeg(legs, unmeasured[0]!)} was not measured, and no other leg fails.`
  if (whole?.verdict === 'fail')
    return `${plural(legs.length, 'leg')}, each of which works by itself, and the whole way does not: a gateway hands on something else than what is asked for (server name, route, identity)${sayWhy(whole)}`
  if (whole?.verdict === 'unmeasured') return 'each leg works by itself; the whole way was not measured.'
  return whole ? 'each leg works, and so does the whole way.' : 'each leg works.'
}

const sayWorking = (legs: readonly Leg[], failing: readonly number[], unmeasured: readonly number[]): string =>
  `working: ${sayNumbers(legs.map((_, at) => at + 1).filter(number => !failing.includes(number) && !unmeasured.includes(number)))}`
