/** What an agent is to measure, from two sides: its own file, and what a controller assigns. Pure but for holding both. */
import { isObject } from '../wire/read.ts'
import { type Assigned, readAssigned } from './assigned.ts'
import type { AgentConfig } from './config/config.ts'
import { ownIdentity } from './config/own-identity.ts'
import type { Rules } from './measuring.ts'
import type { Path } from './path.ts'

export type HeldRules = {
  /** The file is another one; what was assigned still is, as far as it goes with it. */
  setFile(config: AgentConfig): void
  /** Something else is assigned; undefined is nothing. What can't be taken at all changes nothing. */
  assign(assignment: unknown): Assigned
  /** Checks to run once, now, beside all this. `every` of them says nothing. */
  readOnce(work: unknown): { paths: readonly Path[]; problems: readonly string[] }
  now(): Rules
}

export const holdRules = (config: AgentConfig): HeldRules => {
  let file = config
  let assignment: unknown
  let assigned: Assigned | undefined
  const read = (given: unknown, paths: readonly Path[] = file.paths): Assigned => {
    const { runner, namespace = '', serviceAccount = '' } = file.self
    return readAssigned(given, {
      common: ownIdentity(file.identity, file.variables ?? {}),
      me: runner ? { namespace, serviceAccount } : undefined,
      paths,
    })
  }
  return {
    setFile(next) {
      file = next
      if (assignment !== undefined) assigned = read(assignment)
    },
    assign(given) {
      const found = read(given ?? { targets: [], checks: [] })
      if (found.kind === 'refused') return found
      assignment = given
      assigned = found
      return found
    },
    readOnce(work) {
      const found = read(withoutEvery(work), [])
      if (found.kind === 'refused') return { paths: [], problems: found.problems }
      const elsewhere = found.elsewhere.map(name => `${name}: for another identity than this agent's`)
      return { paths: found.paths, problems: [...found.problems, ...elsewhere] }
    },
    now() {
      const more = assigned?.kind === 'taken' ? assigned : undefined
      const budgets = [file.probesPerSecond, more?.probesPerSecond].filter(one => one !== undefined)
      return {
        paths: more ? Object.freeze([...file.paths, ...more.paths]) : file.paths,
        policy: file.policy,
        probesPerSecond: budgets.length > 0 ? Math.min(...budgets) : undefined,
      }
    },
  }
}

/** A run that is not repeated may take as long as it says. */
const withoutEvery = (work: unknown): unknown => {
  if (!isObject(work) || !Array.isArray(work['checks'])) return work
  return { ...work, checks: work['checks'].map(check => (isObject(check) ? { ...check, every: '24h' } : check)) }
}
