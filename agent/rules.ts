/** What an agent is to measure, from two sides: its own file, and what a controller assigns. Pure but for holding both. */
import { type Assigned, readAssigned } from './assigned.ts'
import type { AgentConfig } from './config/config.ts'
import { ownIdentity } from './config/own-identity.ts'
import type { Rules } from './measuring.ts'

export type HeldRules = {
  /** The file is another one; what was assigned still is, as far as it goes with it. */
  setFile(config: AgentConfig): void
  /** Something else is assigned; undefined is nothing. What can't be taken at all changes nothing. */
  assign(assignment: unknown): Assigned
  now(): Rules
}

export const holdRules = (config: AgentConfig): HeldRules => {
  let file = config
  let assignment: unknown
  let assigned: Assigned | undefined
  const read = (given: unknown): Assigned => {
    const { runner, namespace = '', serviceAccount = '' } = file.self
    return readAssigned(given, {
      common: ownIdentity(file.identity),
      me: runner ? { namespace, serviceAccount } : undefined,
      paths: file.paths,
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
