/**
 * Bad paths that localisation leaves over because they are too few to count: in a fleet of two agents every fault is that. Where nothing speaks against a place, it is that
 * place: the link, when no path of the same check on it is well; else the target, when nobody gets through to it. Where packets are lost the link is both ways
 * unless the other way is well: whoever is cut off hears nothing from the other side, and both sides have to say the same. Pure.
 */
import { withDirection } from '../localise/direction.ts'
import { onlyFrom } from '../localise/only-from.ts'
import type { Place } from '../localise/place.ts'
import type { Fault, PathVerdict } from '../localise/verdict.ts'
import { isSilence, losesPackets, solvingOrder } from '../localise/witness.ts'

/** Who is alone with what it sees may be the one who is wrong. */
const leastAgents = 2

const linkOf = ({ region, toRegion }: PathVerdict): string | undefined =>
  region !== undefined && toRegion !== undefined && region !== toRegion ? `${region}\0${toRegion}` : undefined

type Candidate = { key: string; place: Place; isIn: (path: PathVerdict) => boolean }

const rankOf = ({ layer }: { layer?: PathVerdict['layer'] }): number =>
  layer === undefined ? solvingOrder.length : solvingOrder.indexOf(layer)

/** Of packets that are lost nobody knows the way. */
const bothWaysCandidate = (path: PathVerdict): Candidate[] => {
  if (linkOf(path) === undefined || !losesPackets(rankOf(path))) return []
  const { region = '', toRegion = '' } = path
  const [from, to] = [region, toRegion].toSorted() as [string, string]
  const ways = [`${from}\0${to}`, `${to}\0${from}`]
  return [{ key: `${from}\0${to}\0both`, place: { kind: 'link', from, to, both: true }, isIn: other => ways.includes(linkOf(other) ?? '') }]
}

const linkCandidate = (path: PathVerdict): Candidate[] => {
  const link = linkOf(path)
  const { region: from = '', toRegion: to = '' } = path
  return link === undefined ? [] : [{ key: link, place: { kind: 'link', from, to }, isIn: other => linkOf(other) === link }]
}
const targetCandidate = ({ target }: PathVerdict): Candidate[] => [
  { key: target, place: { kind: 'target', name: target }, isIn: other => other.target === target },
]

/** To hang up on a certificate is an answer, though a silent one: the handshake had come so far. */
const isAnswer = (path: PathVerdict): boolean =>
  path.reason !== undefined && (!isSilence(path) || path.reason === 'client_cert_rejected_silent')
const asksTheSame = (a: PathVerdict, b: PathVerdict): boolean => a.target === b.target && a.kind === b.kind

/** The first candidate of each path against which no path of the same check speaks; the others are left. */
const placeBy = (
  all: readonly PathVerdict[],
  bad: readonly PathVerdict[],
  candidatesOf: (path: PathVerdict) => Candidate[],
): { faults: Fault[]; left: PathVerdict[] } => {
  const groups = new Map<string, { place: Place; bad: PathVerdict[]; isIn: Candidate['isIn'] }>()
  const left: PathVerdict[] = []
  // The lowest layer first.
  for (const path of bad.toSorted((a, b) => rankOf(a) - rankOf(b))) {
    const fits = candidatesOf(path).find(
      ({ isIn }) => !all.some(other => other.verdict === 'good' && other.check === path.check && isIn(other)),
    )
    if (!fits || path.layer === undefined) {
      left.push(path)
      continue
    }
    const at = `${fits.place.kind}\0${fits.key}`
    const key = `${path.layer}\0${at}`
    // What fails in silence above a lower layer's fault at the same place is that fault.
    const lower = isSilence(path) ? solvingOrder.map(layer => groups.get(`${layer}\0${at}`)).find(one => one) : undefined
    const group = groups.get(key) ?? lower
    if (group) group.bad.push(path)
    else groups.set(key, { place: fits.place, bad: [path], isIn: fits.isIn })
  }
  const faults = [...groups.values()].map(({ place, bad: its, isIn }): Fault => {
    const only =
      place.kind === 'target'
        ? onlyFrom(
            its,
            all.filter(one => one.verdict === 'good' && asksTheSame(one, its[0]!)),
          )
        : undefined
    return {
      place: withDirection(place, its),
      layer: its[0]!.layer!,
      explains: its.map(({ path }) => path),
      against: [],
      unknown: all.filter(other => other.verdict === 'unknown' && isIn(other)).length,
      ...(only !== undefined && { onlyFrom: only }),
    }
  })
  return { faults, left }
}

/** As faults; and what has a witness against every place that it could be. What was answered is looked for at the target first, what was lost on the link. */
export const placeLone = (all: readonly PathVerdict[], unexplained: readonly string[]): { faults: Fault[]; rest: string[] } => {
  if (unexplained.length === 0) return { faults: [], rest: [] }
  const wanted = new Set(unexplained)
  const bad = all.filter(one => wanted.has(one.path))
  const lost = placeBy(
    all,
    bad.filter(path => !isAnswer(path)),
    path => [...bothWaysCandidate(path), ...linkCandidate(path), ...targetCandidate(path)],
  )
  const wrong = placeBy(all, bad.filter(isAnswer), targetCandidate)
  const some = placeAnswers(all, wrong.left)
  const told = new Set(some.flatMap(({ explains }) => explains))
  const alone = placeBy(
    all,
    wrong.left.filter(({ path }) => !told.has(path)),
    linkCandidate,
  )
  const rest = new Set([...lost.left, ...alone.left].map(({ path }) => path))
  return { faults: [...lost.faults, ...wrong.faults, ...some, ...alone.faults], rest: unexplained.filter(path => rest.has(path)) }
}

/**
 * What a target answered, and answered wrongly, to several agents is the target's, however many others it serves well: one endpoint of several has moved, or one client's
 * authority is not trusted. One ticket for each who asked would be the same fault as many times.
 */
const placeAnswers = (all: readonly PathVerdict[], answers: readonly PathVerdict[]): Fault[] => {
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
