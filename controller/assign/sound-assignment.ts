/** The last look at an assignment before it leaves: what an agent would refuse is a fault of ours, and the agents go on with what they have. */
import { type Assignment, assignmentSchema } from '../../wire/assignment.ts'
import { readOptions } from '../../wire/check-options.ts'
import { printSteps } from '../../wire/problem.ts'
import { readBySchema } from '../../wire/read.ts'
import { parseTarget } from '../../wire/target.ts'
import { quote } from '../../wire/values.ts'

/** Nothing when it is sound. */
export const assignmentFaults = (assignment: Assignment): string[] => {
  const { problems } = readBySchema(assignmentSchema, assignment)
  if (problems.length > 0) return problems.map(({ steps, message }) => `${printSteps(steps)}: ${message}`)
  const names = new Set(assignment.targets.map(({ name }) => name))
  return [
    ...twice('target', assignment.targets),
    ...twice('check', assignment.checks),
    ...assignment.targets.flatMap(({ name, address }) => {
      const parsed = parseTarget(address)
      return parsed.ok ? [] : parsed.problems.map(problem => `target ${quote(name)}: ${problem}`)
    }),
    ...assignment.checks.flatMap(({ name, kind, options = {}, targets = [] }) => [
      ...readOptions(kind, options as Record<string, unknown>).problems.map(({ message }) => `check ${quote(name)}: ${message}`),
      ...targets.filter(target => !names.has(target)).map(target => `check ${quote(name)}: there is no target ${quote(target)}`),
    ]),
  ]
}

const twice = (word: string, named: readonly { name: string }[]): string[] => {
  const seen = new Set<string>()
  return named.flatMap(({ name }) => {
    const isSeen = seen.has(name)
    seen.add(name)
    return isSeen ? [`${word} ${quote(name)} is there twice`] : []
  })
}
