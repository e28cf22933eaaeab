/** The route of each path that is traced: what it was last, so that a silent hop is no change and another route is one. Pure but for its own memory. */
import { explainRouteChange, routeOf } from '../judge/diagnose/explain-route.ts'
import { differInSilence, fillRoute, fingerprintOf } from '../judge/route.ts'
import type { Diagnosis } from '../wire/causes.ts'
import type { AnyResult, Result } from '../wire/result.ts'
import type { Path } from './path.ts'

type Trace = Result<'trace'>
export type RouteChange = { before: Trace; after: Trace; diagnosis: Diagnosis }

export type Routes = {
  /** The result, with a fingerprint that knows what silent hops were; and the change, when the route is another one. */
  take(path: Path, result: AnyResult): { result: AnyResult; change?: RouteChange }
  /** All paths there are: forgets those that are no more. */
  keep(paths: readonly Path[]): void
}

const isTrace = (result: AnyResult): result is Trace =>
  result.kind === 'trace' && result.outcome.kind !== 'unmeasured' && result.measured.flows?.[0] !== undefined

/** `isSure`: two traces in a row have shown it. */
type Known = { trace: Trace; isSure: boolean; doubted?: Trace }

export const watchRoutes = (): Routes => {
  const known = new Map<string, Known>()
  const look = (key: string, before: Known | undefined, after: Trace): { result: AnyResult; change?: RouteChange } => {
    if (!before) {
      known.set(key, { trace: after, isSure: false })
      return { result: after }
    }
    const { trace, isSure, doubted } = before
    const diagnosis = explainRouteChange(trace, after)
    if (!diagnosis) {
      // A trace that did not arrive shows less of the same route, not another one.
      if (after.measured.reached && isSameFlow(trace, after)) known.set(key, { trace: after, isSure: true })
      return { result: after }
    }
    const isDoubtful = differInSilence(routeOf(trace), routeOf(after)) && (!doubted || explainRouteChange(doubted, after) !== undefined)
    if (isDoubtful && isSure) {
      known.set(key, { ...before, doubted: after })
      return { result: asBefore(trace, after) }
    }
    known.set(key, { trace: after, isSure: false })
    return { result: after, ...(!isDoubtful && { change: { before: trace, after, diagnosis } }) }
  }
  return {
    take: ({ key }, result) => {
      if (!isTrace(result)) return { result }
      const before = known.get(key)
      return look(key, before, before ? filled(before.trace, result) : result)
    },
    keep: paths => {
      const keys = new Set(paths.map(path => path.key))
      for (const key of known.keys()) if (!keys.has(key)) known.delete(key)
    },
  }
}

/** Until another trace has shown the same, its length and its name are those of before. */
const asBefore = ({ measured: { fingerprint, forwardHops } }: Trace, after: Trace): Trace => ({
  ...after,
  measured: { ...after.measured, fingerprint, forwardHops },
})

const isSameFlow = (one: Trace, other: Trace): boolean => one.measured.flows[0]!.id === other.measured.flows[0]!.id

/** What is silent now is taken from before, where all else is the same. */
const filled = (before: Trace, after: Trace): Trace => {
  if (!after.measured.reached || !isSameFlow(before, after)) return after
  const [first, ...others] = after.measured.flows
  const was = before.measured.flows[0]!.route
  const flows = [{ ...first!, route: [...fillRoute(was, first!.route)] }, ...others]
  return { ...after, measured: { ...after.measured, flows, fingerprint: fingerprintOf(first!.route, was) } }
}
