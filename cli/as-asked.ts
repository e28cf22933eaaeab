/** The commands of a diagnosis as they can be pasted: about the target as it was asked for, with the options that were given. */
import type { Diagnosis } from '../wire/causes.ts'
import type { Kind } from '../wire/result.ts'
import { type AskedTarget, formatTarget, parseTarget } from '../wire/target.ts'
import { type FlagName, flagOf, kindsOfFlag } from './flags.ts'
import { kindsOfTarget } from './run-options.ts'
import type { Given } from './run-words.ts'
import { withoutQuery } from './secrets.ts'

const start = 'probe run '
/** What one run is printed as is no part of what it asks. */
const notRepeated: readonly FlagName[] = ['output', 'evidence']

/** The judge knows neither options nor paths: its `probe run` commands get them here, so that they see what this run saw. */
export const asAsked = (diagnosis: readonly Diagnosis[], asked: AskedTarget, given: Given, mutual: boolean): Diagnosis[] => {
  const complete = (command: string) => (command.startsWith(start) ? completeRun(command, asked, given, mutual) : command)
  return diagnosis.map(one => ({
    ...one,
    fixes: one.fixes.map(fix => ({ ...fix, command: complete(fix.command) })),
    ...(one.next !== undefined && { next: complete(one.next) }),
  }))
}

const completeRun = (command: string, asked: AskedTarget, given: Given, mutual: boolean): string => {
  const [place = '', ...words] = command.slice(start.length).split(' ')
  const parsed = parseTarget(place)
  if (!parsed.ok) return command
  const named = new Set(words.filter(word => word.startsWith('--')).map(word => word.slice(2)))
  const target = isSame(parsed.value, asked) ? quoteWord(withoutQuery(formatTarget(asked), 'QUERY')) : place
  const own = givenWords(given, kindsOfTarget(parsed.value, mutual), named)
  return `${start}${[target, ...own, ...words].join(' ')}`
}

/** Paths, and whether HTTP goes over TLS, stand only in what was asked. */
const isSame = (one: AskedTarget, asked: AskedTarget): boolean =>
  one.kind === asked.kind && one.host === asked.host && one.port === asked.port

/** The options that mean something to these kinds, but for those that the command has itself. */
const givenWords = (given: Given, used: readonly Kind[], named: ReadonlySet<string>): string[] =>
  (Object.entries(given) as [FlagName, string[]][])
    .filter(([name]) => !notRepeated.includes(name) && !named.has(name) && kindsOfFlag(name).some(kind => used.includes(kind)))
    .flatMap(([name, values]) =>
      flagOf(name).value === '' ? [`--${name}`] : values.map(value => `--${name} ${quoteWord(shown(name, value))}`),
    )

/** What is secret is not printed, here as elsewhere: its place is kept. */
const shown = (name: FlagName, value: string): string =>
  name === 'header' ? `${value.split(':')[0]}: VALUE` : name === 'body' || name === 'call-body' ? 'BODY' : value

/** One word for a POSIX shell. */
const quoteWord = (text: string): string => (/^[\w@%+=:,./[\]-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`)
