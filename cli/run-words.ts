/** The options of `probe run` as typed: which of them exist, have a value, and belong to what is asked. */
import { nearest } from '../wire/near.ts'
import type { Kind } from '../wire/result.ts'
import { type AskedTarget, formatTarget } from '../wire/target.ts'
import { type FlagName, flagNames, flagOf, flags, kindsOfFlag } from './flags.ts'

/** The words as yargs took them apart: positional ones, and options, each with all its values (an empty one when none was given). */
export type Words = { targets: string[]; flags: Record<string, string[] | undefined> }

export type Given = { [F in FlagName]?: string[] }

/** Options that exist and have as many values as they take, and what is wrong with the others. */
export const sortFlags = (flagsGiven: Words['flags']): { given: Given; problems: string[] } => {
  const given: Given = {}
  const problems: string[] = []
  for (const [name, values = []] of Object.entries(flagsGiven)) {
    const known = flagNames.find(flag => flag === name)
    if (!known) problems.push(unknownOption(name))
    else if (flagOf(known).value !== '' && values.includes('')) problems.push(`--${name}: needs a value, ${flags[known].value}`)
    else if (values.length > 1 && !flagOf(known).repeatable) problems.push(`--${name}: given ${values.length} times, want it once`)
    else given[known] = values
  }
  return { given, problems }
}

const unknownOption = (name: string) => {
  const near = nearest(name, flagNames)
  return `${name.length > 1 ? '--' : '-'}${name}: unknown option, ${near ? `did you mean --${near}?` : 'see probe run --help'}`
}

/** An option of kinds that no target is probed with. */
export const belongProblems = (given: Given, used: ReadonlySet<Kind>, targets: AskedTarget[]) =>
  (Object.keys(given) as FlagName[]).flatMap(name => {
    const owners = kindsOfFlag(name)
    if (!owners.length || owners.some(kind => used.has(kind)) || name === 'family') return []
    return [`--${name}: belongs to ${owners.join(', ')} and not to ${targets.map(formatTarget).join(' ')}`]
  })
