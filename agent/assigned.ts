/**
 * What a controller assigns, as it comes: whoever has taken the controller over has written it. Parts that are wrong are left out and named, the rest
 * runs; what this version does not know is ignored, since a newer controller may say more. Where the paths may lead is decided where they are
 * dialled (gate.ts); here it is decided that nothing in them touches the agent's own machine or speaks with another identity than its own. Pure.
 */
import { type AssignedCheck, type AssignedTarget, assignmentSchema, checkSchema, targetSchema } from '../wire/assignment.ts'
import { isOption } from '../wire/check-options.ts'
import { printSteps, type Steps } from '../wire/problem.ts'
import { isObject, readKnown, type Schema } from '../wire/read.ts'
import { quote } from '../wire/values.ts'
import { type Common, expand, type RunsAs } from './expand.ts'
import type { Path } from './path.ts'

/** What the agent has of its own, which wins. */
export type Ours = {
  /** Our identity, as options of the kinds that show one. */
  common: Common
  me: RunsAs
  /** Of our own file. */
  paths: readonly Path[]
  mostPaths?: number
}

/**
 * `taken`: these paths are to run; `problems` are the parts that are left out, for the acknowledgement. `refused`: nothing of it can be run, and what ran
 * before is to go on. `elsewhere` names checks for another identity.
 */
export type Assigned =
  | {
      kind: 'taken'
      paths: readonly Path[]
      probesPerSecond?: number
      elsewhere: readonly string[]
      problems: readonly string[]
    }
  | { kind: 'refused'; problems: readonly string[] }

/** As many as an agent keeps on time (design bar). */
export const mostAssignedPaths = 10_000
/** An acknowledgement is read by people. */
const mostProblems = 100

/**
 * Options that only the agent's own file may set: they name files and sockets of this machine, or an identity to speak with. A regular expression is a
 * program: one made for it takes for ever, and nothing else would be measured meanwhile.
 */
export const ownOptions = {
  certFile: 'names a file of the agent',
  keyFile: 'names a file of the agent',
  caFile: 'names a file of the agent',
  bundles: 'names files of the agent',
  workloadApi: 'names a socket of the agent',
  cert: 'is an identity, and the agent has its own',
  key: 'is an identity, and the agent has its own',
  tokenFrom: "chooses among the agent's own tokens",
  tokenFile: 'names a file of the agent',
  tokenUrl: "says where the agent's token comes from",
  credentialsFile: 'names a file of the agent',
  environment: "has the agent's own variables",
  endpoint: "says to whom the agent's token is shown",
  iamEndpoint: "says to whom the agent's credential is shown",
  callUrl: "says to whom the agent's credential is shown",
  expectPattern: 'is a regular expression, which could stop the agent; want expectBody',
} as const

/** Never throws, whatever is given. */
export const readAssigned = (given: unknown, ours: Ours): Assigned => {
  if (!isObject(given)) return { kind: 'refused', problems: ['not an assignment: want an object with targets and checks'] }
  const { targets = [], checks = [] } = given
  if (!Array.isArray(targets) || !Array.isArray(checks)) return { kind: 'refused', problems: ['targets and checks: want lists'] }
  const most = ours.mostPaths ?? mostAssignedPaths
  if (targets.length > most || checks.length > most) return tooMany(Math.max(targets.length, checks.length), most)
  const found = newFindings()
  const known = readTargets(targets, ours.paths, found.note)
  const asked = readChecks(checks, new Set(known.map(({ value }) => value.name)), found.note)
  const count = asked.reduce((sum, { value }) => sum + (value.targets?.length ?? known.length), 0)
  if (count > most) return tooMany(count, most)
  const { paths, elsewhere } = expandSound(known, asked, ours, found.note)
  return { kind: 'taken', paths, elsewhere, probesPerSecond: readBudget(given['probesPerSecond'], found.note), problems: found.texts() }
}

const tooMany = (count: number, most: number): Assigned => ({
  kind: 'refused',
  problems: [`${count} paths, this agent takes ${most} at most`],
})

type Note = (path: Steps, message: string) => void
/** With its place in the list as it came. */
type Placed<T> = { at: number; value: T }

const newFindings = () => {
  const texts: string[] = []
  let more = 0
  return {
    note: (path: Steps, message: string): void => {
      if (texts.length < mostProblems) texts.push(`${printSteps(path)}: ${message}`)
      else more++
    },
    texts: (): string[] => (more === 0 ? texts : [...texts, `and ${more} more`]),
  }
}

const readList = <T>(list: string, schema: Schema, given: readonly unknown[], note: Note): Placed<T>[] =>
  given.flatMap((one, at) => {
    const { value, problems } = readKnown(schema, one)
    for (const { steps, message } of problems) note([list, at, ...steps], message)
    return problems.length > 0 ? [] : [{ at, value: value as T }]
  })

/** One name stands for one place, in labels and in diagnoses: another place of the same name is not taken. */
const readTargets = (given: readonly unknown[], own: readonly Path[], note: Note): Placed<AssignedTarget>[] => {
  const ours = new Map(own.map(({ target }) => [target.name, target.address]))
  return readList<AssignedTarget>('targets', targetSchema, given, note).filter(({ at, value: { name, address } }) => {
    const ourAddress = ours.get(name) ?? address
    if (ourAddress !== address) note(['targets', at, 'name'], `the agent's own file has another target ${quote(name)}`)
    return ourAddress === address
  })
}

const readChecks = (given: readonly unknown[], names: ReadonlySet<string>, note: Note): Placed<AssignedCheck>[] =>
  readList<AssignedCheck>('checks', checkSchema, given, note).flatMap(({ at, value }) => {
    const written = (value.options ?? {}) as Record<string, unknown>
    const local = Object.keys(written).filter(name => Object.hasOwn(ownOptions, name))
    for (const name of local)
      note(['checks', at, 'options', name], `${ownOptions[name as keyof typeof ownOptions]}: only the agent's own file may set it`)
    const unknown = new Set(value.targets?.filter(name => !names.has(name)))
    for (const name of unknown) note(['checks', at, 'targets'], `no target ${quote(name)}`)
    const targets = value.targets && [...new Set(value.targets)].filter(name => names.has(name))
    if (local.length > 0 || (targets?.length === 0 && unknown.size > 0)) return []
    const options = Object.fromEntries(Object.entries(written).filter(([name]) => isOption(value.kind, name)))
    return [{ at, value: { ...value, options, ...(targets && { targets }) } }]
  })

/** Leaves out what does not fit, until the rest does: a wrong target, then the checks that have only that. */
const expandSound = (targets: Placed<AssignedTarget>[], checks: Placed<AssignedCheck>[], ours: Ours, note: Note) => {
  for (let lists = { targets, checks }; ; ) {
    const { targets, checks } = lists
    const names = new Set(targets.map(({ value }) => value.name))
    const asked = checks.map(({ value }) => ({
      ...value,
      ...(value.targets && { targets: value.targets.filter(name => names.has(name)) }),
    }))
    const { paths, problems, elsewhere } = expand({ targets: targets.map(({ value }) => value), checks: asked }, ours.common, ours.me)
    if (problems.length === 0) return { paths: withoutOwn(paths, ours.paths, note), elsewhere }
    const wrong = { targets: new Set<unknown>(), checks: new Set<unknown>() }
    for (const { path, message } of problems) {
      const [list, index, ...steps] = path as [keyof typeof wrong, number, ...Steps]
      note([list, lists[list][index]!.at, ...steps], message)
      wrong[list].add(index)
    }
    lists = { targets: targets.filter((_, i) => !wrong.targets.has(i)), checks: checks.filter((_, i) => !wrong.checks.has(i)) }
  }
}

const withoutOwn = (paths: readonly Path[], own: readonly Path[], note: Note): readonly Path[] => {
  const keys = new Set(own.map(({ key }) => key))
  const clash = paths.filter(({ key }) => keys.has(key))
  for (const { key } of clash) note([], `${key}: is in the agent's own file, which wins`)
  return clash.length === 0 ? paths : Object.freeze(paths.filter(({ key }) => !keys.has(key)))
}

/** Only ever less than the local policy's: who runs the paths takes the smaller (budget.ts). */
const readBudget = (given: unknown, note: Note): number | undefined => {
  if (given === undefined) return undefined
  const { value, problems } = readKnown(assignmentSchema.properties.probesPerSecond, given)
  for (const { message } of problems) note(['probesPerSecond'], message)
  return problems.length === 0 ? (value as number) : undefined
}
