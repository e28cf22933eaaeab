/** Certificates that should have been renewed, as findings. Pure. */
import type { Place } from '../localise/place.ts'
import type { LateCertificate } from './endings.ts'
import type { Evaluation } from './evaluation.ts'
import { type BadPath, findingOfFault } from './fault-finding.ts'
import type { Finding } from './incident.ts'
import { verdictOf } from './path-verdicts.ts'
import type { Ending } from './say-ending.ts'
import type { Surroundings } from './surroundings.ts'

/**
 * Certificates that end are no faults of a place: each is its target's, or that of the authority above several targets that ends first. What has ended fails, and is
 * localised with the rest.
 */
export const lateFindings = (evaluation: Evaluation, around: Surroundings): Finding[] => {
  const { paths, alerts, verdicts, fleetwise, endings } = evaluation
  const certificates = new Map<string, LateCertificate>()
  const found: (BadPath & { ending: Ending; known: string })[] = []
  for (let path = 0; path < paths.size; path++) {
    const [labels, badness] = [paths.labels[path], alerts.values.lateOf(path, around.rules)]
    const end = labels && badness && alerts.values.endOf(path, around.nowMs)
    if (!end || alerts.isBad(path)) continue
    const verdict = verdictOf(verdicts.of(path, around.agents, fleetwise), { verdict: 'bad', badness })
    const certificate = endings.of(verdict.path, end.endsMs)
    // One agent that has said it is enough for all that see the same end.
    const known = `${verdict.target}\0${end.endsMs}`
    if (certificate) certificates.set(known, certificate)
    const owners = fleetwise.ownersOf(labels.check, labels.target)
    found.push({ verdict, badness, mtu: alerts.values.mtuOf(path), ending: end, owners, known })
  }
  const late = found.map(({ known, ...one }) => {
    const certificate = certificates.get(known)
    const isAbove = certificate !== undefined && certificate.position > 1
    return {
      ...one,
      ending: { ...one.ending, ...(certificate && { certificate }) },
      group: isAbove ? `${certificate.issuer}\0${certificate.serial}` : one.verdict.target,
      ...(isAbove && { authority: certificate.subject }),
    }
  })
  return [...Map.groupBy(late, ({ group }): string => group).values()].flatMap(its => {
    const { verdict, authority } = its[0]!
    const isShared = authority !== undefined && its.some(one => one.verdict.target !== verdict.target)
    const place: Place = isShared ? { kind: 'issuer', name: authority } : { kind: 'target', name: verdict.target }
    const explains = its.map(one => one.verdict.path)
    const world = { bad: new Map(its.map(one => [one.verdict.path, one])), changed: [], within: its.length, nowMs: around.nowMs }
    return findingOfFault({ place, layer: 'certificate', explains, against: [], unknown: 0 }, world) ?? []
  })
}
