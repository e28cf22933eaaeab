/**
 * Bad paths that localisation leaves over because they are too few to count: in a fleet of two agents every fault is that. Where nothing speaks against a place, it is that
 * place: the link, when no path of the same check on it is well; else the target, when nobody gets through to it. Pure.
 */
import { withDirection } from '../localise/direction.ts'
import type { Place } from '../localise/place.ts'
import type { Fault, PathVerdict } from '../localise/verdict.ts'

const linkOf = ({ region, toRegion }: PathVerdict): string | undefined =>
  region !== undefined && toRegion !== undefined && region !== toRegion ? `${region}\0${toRegion}` : undefined

type Candidate = { key: string; place: Place; isIn: (path: PathVerdict) => boolean }

const candidatesOf = (path: PathVerdict): Candidate[] => {
  const link = linkOf(path)
  const { region: from = '', toRegion: to = '', target } = path
  return [
    ...(link === undefined
      ? []
      : [{ key: link, place: { kind: 'link' as const, from, to }, isIn: (other: PathVerdict) => linkOf(other) === link }]),
    { key: target, place: { kind: 'target' as const, name: target }, isIn: (other: PathVerdict) => other.target === target },
  ]
}

/** As faults; and what has a witness against every place that it could be. */
export const placeLone = (all: readonly PathVerdict[], unexplained: readonly string[]): { faults: Fault[]; rest: string[] } => {
  const left = new Set(unexplained)
  if (left.size === 0) return { faults: [], rest: [] }
  const faults = new Map<string, Fault>()
  const rest: string[] = []
  for (const path of all.filter(one => left.has(one.path))) {
    const fits = candidatesOf(path).find(
      ({ isIn }) => !all.some(other => other.verdict === 'good' && other.check === path.check && isIn(other)),
    )
    if (!fits || path.layer === undefined) {
      rest.push(path.path)
      continue
    }
    const key = `${path.layer}\0${fits.place.kind}\0${fits.key}`
    const fault = faults.get(key)
    if (fault) fault.explains.push(path.path)
    else {
      const unknown = all.filter(other => other.verdict === 'unknown' && fits.isIn(other)).length
      faults.set(key, { place: fits.place, layer: path.layer, explains: [path.path], against: [], unknown })
    }
  }
  const verdicts = new Map(all.map(one => [one.path, one]))
  const turned = [...faults.values()].map(fault => ({
    ...fault,
    place: withDirection(
      fault.place,
      fault.explains.map(path => verdicts.get(path)!),
    ),
  }))
  return { faults: turned, rest }
}
