/** The fleet file: text in, a frozen fleet out, or every problem at once, each with its place, its line and what to write instead. */
import { type Fleet, fleetSchema } from '../../wire/fleet.ts'
import { defaultRuleNames } from '../../wire/fleet-alerts.ts'
import { type Problem, printSteps } from '../../wire/problem.ts'
import { type Finding, isObject, maxFindings, readBySchema } from '../../wire/read.ts'
import { type LineOf, readYaml } from '../../wire/yaml.ts'
import { routeProblems, routeWarnings, ruleProblems, twinProblems } from './alert-rules.ts'
import { checkProblems } from './check-rules.ts'
import { nameProblems } from './merge.ts'
import { meshProblems, meshWarnings } from './mesh-rules.ts'
import { namesOf, objectsOf } from './objects.ts'
import { clusterProblems, linkProblems, priceProblems, targetProblems, trustDomainProblems } from './place-rules.ts'
import { receiverProblems } from './receiver-rules.ts'
import { referenceProblems } from './references.ts'
import { selectorProblems, selectorWarnings } from './select.ts'
import { type Sound, soundOf } from './sound.ts'

/** `warnings`: what is allowed and probably not meant, and checks of kinds that this version lacks, which no plan has. */
export type ParsedFleet = { ok: true; value: Fleet; warnings: Problem[] } | { ok: false; problems: Problem[]; warnings: Problem[] }

/** `documents` are those that the fleet has now, of all owners: names may refer to the others', and must not be theirs. */
export const parseFleet = (text: string, documents: readonly Fleet[] = []): ParsedFleet => {
  const yaml = readYaml(text)
  if (!yaml.ok) return { ok: false, problems: yaml.problems, warnings: [] }
  const { value, problems: envelope } = readBySchema(fleetSchema, yaml.value)
  // What follows relies on the form of what it looks at.
  if (envelope.length >= maxFindings) return { ok: false, problems: asProblems(envelope, yaml.lineOf), warnings: [] }
  const owner = isObject(value) && typeof value['owner'] === 'string' ? value['owner'] : ''
  const others = documents.filter(document => document.owner !== owner)
  const sound = soundOf(value, envelope)
  const findings = [
    ...envelope,
    ...nameProblems(value, owner, others),
    ...referenceProblems(value, sound, others),
    ...objectProblems(sound, value, others),
  ]
  const warnings = asProblems(warningsOf(sound, others), yaml.lineOf)
  return findings.length
    ? { ok: false, problems: asProblems(findings, yaml.lineOf), warnings }
    : { ok: true, value: value as Fleet, warnings }
}

/** In the order of their lines. */
const asProblems = (findings: readonly Finding[], lineOf: LineOf): Problem[] =>
  findings
    .map(({ steps, isKey, message }) => ({ path: printSteps(steps), line: lineOf(steps, isKey), message }))
    .sort((a, b) => (a.line ?? 0) - (b.line ?? 0))

const byName = <T extends { name: string }>(own: readonly { value: T }[], others: readonly (readonly T[])[]): Map<string, T> =>
  new Map([...others.flat(), ...own.map(({ value }) => value)].map(object => [object.name, object]))

const objectProblems = (sound: Sound, document: unknown, others: readonly Fleet[]): Finding[] => {
  const targets = byName(
    sound.targets,
    others.map(other => other.targets),
  )
  const checks = byName(
    sound.checks,
    others.map(other => other.checks),
  )
  const clusters = [
    ...byName(
      sound.clusters,
      others.map(other => other.clusters),
    ).values(),
  ]
  const rules = [...defaultRuleNames, ...namesOf([document, ...others].flatMap(objectsOf), 'rule')]
  return [
    ...sound.clusters.flatMap(clusterProblems),
    ...sound.trustDomains.flatMap(trustDomainProblems),
    ...sound.targets.flatMap(targetProblems),
    ...sound.checks.flatMap(check => checkProblems(check, targets)),
    ...sound.checks.flatMap(({ value, steps }) => selectorProblems(value.from, clusters, [...steps, 'from'])),
    ...sound.mesh.flatMap(mesh => meshProblems(mesh, checks)),
    ...sound.mesh.flatMap(({ value, steps }) =>
      (['from', 'hub'] as const).flatMap(key => selectorProblems(value[key], clusters, [...steps, key])),
    ),
    ...sound.links.flatMap(linkProblems),
    ...sound.prices.flatMap(priceProblems),
    ...sound.rules.flatMap(rule => ruleProblems(rule, checks)),
    ...sound.receivers.flatMap(receiverProblems),
    ...twinProblems(sound),
    ...routeProblems(sound, rules),
  ]
}

const warningsOf = (sound: Sound, others: readonly Fleet[]): Finding[] => {
  const clusters = [...sound.clusters.map(({ value }) => value), ...others.flatMap(other => other.clusters)]
  const places = [
    ...sound.targets.flatMap(({ value }) => value.location ?? []),
    ...sound.links.flatMap(({ value }) => [value.from, value.to]),
    ...others.flatMap(other => [
      ...other.targets.flatMap(({ location }) => location ?? []),
      ...other.links.flatMap(({ from, to }) => [from, to]),
    ]),
  ]
  const known = {
    cloud: [...new Set([...clusters.map(({ cloud }) => cloud), ...places.map(place => place.split('/')[0]!)])],
    cluster: clusters.map(({ name }) => name),
  }
  const hasTargets = sound.targets.length > 0 || others.some(other => other.targets.length > 0)
  const inMesh = new Set([...sound.mesh.map(({ value }) => value), ...others.flatMap(other => other.mesh)].flatMap(({ checks }) => checks))
  return [
    ...sound.checks.flatMap(({ value, steps }) => [
      ...selectorWarnings(value.from, known, [...steps, 'from']),
      ...(value.targets || inMesh.has(value.name) || hasTargets
        ? []
        : [{ steps, message: `${value.name} has no targets and is in no mesh: it never runs` }]),
    ]),
    ...sound.mesh.flatMap(mesh => [
      ...meshWarnings(mesh),
      ...(['from', 'hub'] as const).flatMap(key => selectorWarnings(mesh.value[key], known, [...mesh.steps, key])),
    ]),
    ...routeWarnings(sound),
  ]
}
