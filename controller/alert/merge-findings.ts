/** One finding for one fault: what several rules and layers say of the same place becomes one. Pure. */
import { contains, incidentKey, type Place, placeText } from '../localise/place.ts'
import type { Finding } from './incident.ts'
import { limitOfRatio } from './ratio.ts'
import { isBurnRule } from './rules.ts'

type OfLink = Finding & { place: Extract<Place, { kind: 'link' }> }
const isOfLink = (finding: Finding, isIts: (rule: string) => boolean): finding is OfLink =>
  finding.place?.kind === 'link' && finding.place.from !== finding.place.to && finding.rules.every(isIts)
const isLossy = (finding: Finding): finding is OfLink => isOfLink(finding, rule => limitOfRatio(rule) !== undefined)
const isBurning = (finding: Finding): finding is OfLink => isOfLink(finding, isBurnRule)

/** A link that loses packets on both ways is one fault, and not one for each; and since an answer needs both, what one way loses burns the budgets of both. */
export const joinWays = (findings: readonly Finding[]): Finding[] => {
  const [lossy, burning] = [findings.filter(isLossy), findings.filter(isBurning)]
  const along = (all: readonly OfLink[], from: string, to: string): OfLink | undefined =>
    all.find(({ place }) => place.from === from && place.to === to)
  return findings.map(finding => {
    if (!isLossy(finding) && !isBurning(finding)) return finding
    const { from, to } = finding.place
    const [here, there] = [along(lossy, from, to), along(lossy, to, from)]
    if (here && there) return sayBothWays(finding, 'packets are lost both ways')
    if (here) return finding
    if (there) return { ...finding, key: there.key, place: there.place, placeText: there.placeText }
    return along(burning, to, from) ? sayBothWays(finding, 'the error budgets of both ways go too fast') : finding
  })
}

const sayBothWays = (finding: OfLink, what: string): Finding => {
  const [from, to] = [finding.place.from, finding.place.to].toSorted() as [string, string]
  const place: Place = { kind: 'link', from, to, both: true }
  const text = placeText(place)
  return {
    ...finding,
    ...{ key: incidentKey(place, 'reach'), place, placeText: text, direction: 'both' as const, title: `${text}: ${what}` },
    ...{ impact: `the link ${text}`, against: [], next: `probe check --from ${from} --to ${to} --both-ways` },
  }
}

/** `home`: the region of this controller, where it knows it. The same key is the same incident; what is narrower joins what is wider, where the wider one is the lower fault. */
export const mergeFindings = (failures: readonly Finding[], others: readonly Finding[], home: string | undefined): Finding[] => {
  const byKey = new Map<string, Finding>()
  const put = (finding: Finding): void => {
    const same = byKey.get(finding.key)
    byKey.set(finding.key, same ? joinFindings(same, finding) : finding)
  }
  for (const finding of failures) put(finding)
  for (const finding of others) {
    const wider =
      finding.place &&
      [...byKey.values()].find(
        one =>
          one.place &&
          one.key !== finding.key &&
          (isSlow(one) || failures.some(({ key }) => key === one.key)) &&
          covers(one, finding, home),
      )
    if (wider) byKey.set(wider.key, joinFindings(wider, finding))
    else put(finding)
  }
  return [...byKey.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
}

/** What is held back long enough is sent again, and looks lost. */
const isSlow = ({ rules }: Finding): boolean => rules.includes('default/latency')

/** A region that loses its packets loses those to the controller too, whichever way the others saw it: its agents are not lost besides. */
const explainsSilence = ({ place, layer }: Finding, silent: Place): boolean =>
  (layer === 'reach' || layer === 'tcp') &&
  place !== undefined &&
  'direction' in place &&
  'direction' in silent &&
  contains(place, { ...silent, direction: place.direction })

/** Every path of the hub's incident has two ends: links between them pass it, whichever way. */
const isThroughHub = ({ place, links = [] }: Finding, narrower: Place): boolean =>
  place?.kind === 'hub' &&
  narrower.kind === 'link' &&
  links.some(([from, to]) => (from === narrower.from && to === narrower.to) || (from === narrower.to && to === narrower.from))

/** A link that is cut both ways, with this controller at one end: nobody hears of those at the other. Where it does not know where it is, it may be either. */
const isBehind = ({ place, layer }: Finding, lost: readonly string[], home: string | undefined): boolean => {
  if ((layer !== 'reach' && layer !== 'tcp') || place?.kind !== 'link' || !place.both) return false
  const ends = [place.from, place.to]
  return lost.length === 1 && ends.includes(lost[0]!) && (home === undefined || (ends.includes(home) && home !== lost[0]))
}

/** An answer needs both ways: what fails for one of them is seen on the other, and on both. */
const isOfOtherWay = (wider: Place, narrower: Place): boolean => {
  if (narrower.kind !== 'link' || !('from' in wider)) return false
  const { from, to } = wider
  return (from === narrower.to && to === narrower.from) || (narrower.both === true && from === narrower.from && to === narrower.to)
}

const covers = (wider: Finding, narrower: Finding, home: string | undefined): boolean => {
  if (!wider.place || !narrower.place || narrower.what === 'blind' || narrower.layer === 'certificate') return false
  if (narrower.what === 'agent_lost') return explainsSilence(wider, narrower.place) || isBehind(wider, narrower.from, home)
  if (wider.layer === 'certificate' || wider.layer === 'identity' || wider.layer === 'federation' || wider.layer === 'http') return false
  return contains(wider.place, narrower.place) || isThroughHub(wider, narrower.place) || isOfOtherWay(wider.place, narrower.place)
}

/** What the narrower one says becomes part of the wider one. */
const joinFindings = (wider: Finding, narrower: Finding): Finding => ({
  ...wider,
  severity: wider.severity === 'page' ? 'page' : narrower.severity,
  rules: [...new Set([...wider.rules, ...narrower.rules])],
  cause: wider.cause ?? narrower.cause,
  sinceMs: Math.min(wider.sinceMs, narrower.sinceMs),
  isFiring: wider.isFiring || narrower.isFiring,
  subjects: [...new Set([...wider.subjects, ...narrower.subjects])],
  against: [...new Set([...wider.against, ...narrower.against])].slice(0, 6),
  changed: [...new Set([...wider.changed, ...narrower.changed])],
  evidence: [...new Set([...wider.evidence, ...narrower.evidence])].slice(0, 10),
  from: [...new Set([...wider.from, ...narrower.from])],
  to: [...new Set([...wider.to, ...narrower.to])],
  owners: [...new Set([...wider.owners, ...narrower.owners])],
})
