/** One finding for one fault: what several rules and layers say of the same place becomes one. Pure. */
import { contains, type Place } from '../localise/place.ts'
import type { Finding } from './incident.ts'
import { joinFindings } from './other-findings.ts'

/** The same key is the same incident; what is narrower joins what is wider, where the wider one is the lower fault. */
export const mergeFindings = (failures: readonly Finding[], others: readonly Finding[]): Finding[] => {
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
        one => one.place && one.key !== finding.key && failures.some(({ key }) => key === one.key) && covers(one, finding),
      )
    if (wider) byKey.set(wider.key, joinFindings(wider, finding))
    else put(finding)
  }
  return [...byKey.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
}

/** A region that loses its packets loses those to the controller too, whichever way the others saw it: its agents are not lost besides. */
const explainsSilence = ({ place, layer }: Finding, silent: Place): boolean =>
  (layer === 'reach' || layer === 'tcp') &&
  place !== undefined &&
  'direction' in place &&
  'direction' in silent &&
  contains(place, { ...silent, direction: place.direction })

const covers = (wider: Finding, narrower: Finding): boolean => {
  if (!wider.place || !narrower.place || narrower.what === 'blind') return false
  if (narrower.what === 'agent_lost') return explainsSilence(wider, narrower.place)
  if (wider.layer === 'certificate' || wider.layer === 'identity' || wider.layer === 'federation' || wider.layer === 'http') return false
  return (
    contains(wider.place, narrower.place) ||
    (narrower.place.kind === 'link' &&
      'from' in wider.place &&
      wider.place.from === narrower.place.to &&
      wider.place.to === narrower.place.from)
  )
}
