/** The options about federated credentials and tokens. The standard variables are taken along as they are; the probe asks them where an option is silent. */
import type { Options } from '../wire/options.ts'
import { federation, readStandardVariables, tokenOrigins } from '../wire/options-federation.ts'
import { readBySchema } from '../wire/read.ts'
import { bad, good, type Parsed, quote } from '../wire/values.ts'
import { type FlagName, flagNames, flagOf } from './flags.ts'
import type { Given } from './run-words.ts'

export type FederationOptions = { federation: Partial<Options['federation']>; http: Partial<Options['http']> }

/** Flags with a text for a value. */
const own = flagNames.filter(
  name => flagOf(name).into.federation !== undefined && !flagOf(name).number && name !== 'ca' && name !== 'source',
)

export const readFederationFlags = (given: Given, environment: Record<string, string | undefined>): Parsed<FederationOptions> => {
  const problems: string[] = []
  const options: Record<string, string> = {}
  for (const name of own) {
    const value = given[name]?.[0]
    const option = flagOf(name).into.federation!
    if (value === undefined) continue
    options[option] = value
    problems.push(...problemsOf(name, option, value))
  }
  if (problems.length) return bad(...problems)
  const variables = readStandardVariables(environment)
  const { tokenFrom, tokenFile, tokenUrl, audience } = options as Partial<Options['http']>
  const isBearer = tokenFrom !== undefined || tokenFile !== undefined || tokenUrl !== undefined
  return good({
    federation: { ...(options as Partial<Options['federation']>), environment: variables },
    http: isBearer ? { tokenFrom, tokenFile, tokenUrl, audience, environment: variables } : {},
  })
}

const problemsOf = (name: FlagName, option: keyof typeof federation.properties, value: string): string[] => {
  if (name === 'token-from' && !tokenOrigins.some(one => one === value))
    return [`--token-from: got ${quote(value)}, want one of ${tokenOrigins.join(', ')}`]
  return readBySchema(federation.properties[option], value).problems.map(({ message }) => `--${name}: ${message}`)
}
