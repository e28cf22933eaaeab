/**
 * Bad paths that localisation leaves over because they are too few to count: in a fleet of two agents every fault is that. Where nothing speaks against a place, it is that
 * place: the link, when no path of the same check on it is well; else the target, when nobody gets through to it. Pure.
 */
import { withDirection } from '../localise/direction.ts'
import { onlyFrom } from '../localise/only-from.ts'
import type { Place } from '../localise/place.ts'
import type { Fault, PathVerdict } from '../localise/verdict.ts'
import { isSilence } from '../localise/witness.ts'

/** Who is alone with what it sees may be the one who is wrong. */
const leastAgents = 2

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
  const answered = placeAnswers(
    all,
    rest.map(path => verdicts.get(path)!),
  )
  const turned = [...faults.values()].map(fault => ({
    ...fault,
    place: withDirection(
      fault.place,
      fault.explains.map(path => verdicts.get(path)!),
    ),
  }))
  return { faults: [...turned, ...answered], rest: rest.filter(path => !answered.some(({ explains }) => explains.includes(path))) }
}

/**
 * What a target answered, and answered wrongly, to several agents is the target's, however many others it serves well: one endpoint of several has moved, or one client's
 * authority is not trusted. One ticket for each who asked would be the same fault as many times.
 */
const placeAnswers = (all: readonly PathVerdict[], rest: readonly PathVerdict[]): Fault[] => {
  const answers = rest.filter(path => path.reason !== undefined && !isSilence(path))
  return [...Map.groupBy(answers, ({ layer, target, check }) => `${layer}\0${target}\0${check}`).values()].flatMap((its): Fault[] => {
    const { layer, target, check } = its[0]!
    if (layer === undefined || new Set(its.map(({ agent }) => agent)).size < leastAgents) return []
    const others = all.filter(one => one.target === target && one.check === check)
    const good = others.filter(({ verdict }) => verdict === 'good')
    const only = onlyFrom(its, good)
    return [
      {
        place: { kind: 'target', name: target },
        layer,
        explains: its.map(({ path }) => path),
        against: good.map(({ path }) => path),
        unknown: others.filter(({ verdict }) => verdict === 'unknown').length,
        ...(only !== undefined && { onlyFrom: only }),
      },
    ]
  })
}
