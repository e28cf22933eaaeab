/** The objects of a document that are well-formed, each with its place: what later rules may look at while other objects still have mistakes. */
import type { Fleet } from '../../wire/fleet.ts'
import type { Steps } from '../../wire/problem.ts'
import { type Finding, isObject } from '../../wire/read.ts'

export type Placed<T> = { value: T; steps: Steps }
type PlacedList<T extends readonly unknown[]> = Placed<T[number]>[]
export type Sound = { [S in Exclude<keyof Fleet, 'apiVersion' | 'owner' | 'alerts'>]: PlacedList<Fleet[S]> } & {
  [S in Exclude<keyof Fleet['alerts'], 'runbooks'>]: PlacedList<Fleet['alerts'][S]>
}

/** `value` was read by the schema of a fleet with these findings. */
export const soundOf = (value: unknown, findings: readonly Finding[]): Sound => {
  const broken = new Set(findings.map(({ steps }) => placeOf(steps)))
  const listAt = <T>(steps: Steps): Placed<T>[] => {
    const list = steps.reduce((inner: unknown, step) => (isObject(inner) ? inner[step] : undefined), value)
    if (!Array.isArray(list)) return []
    const placed = list.map((item: T, index) => ({ value: item, steps: [...steps, index] }))
    return placed.filter(({ steps }) => !broken.has(placeOf(steps)))
  }
  return {
    clusters: listAt(['clusters']),
    trustDomains: listAt(['trustDomains']),
    targets: listAt(['targets']),
    checks: listAt(['checks']),
    mesh: listAt(['mesh']),
    links: listAt(['links']),
    prices: listAt(['prices']),
    rules: listAt(['alerts', 'rules']),
    receivers: listAt(['alerts', 'receivers']),
    routes: listAt(['alerts', 'routes']),
  }
}

/** The object that a finding is in: everything up to its position in the list. */
const placeOf = (steps: Steps): string => steps.slice(0, steps.findIndex(step => typeof step === 'number') + 1).join('/')
