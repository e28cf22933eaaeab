/** The options of a command that asks the controller: each once, for the help, for yargs, and for what is said of one that there is not. */
import type { Argv } from 'yargs'
import { nearest } from '../wire/near.ts'
import { quote } from '../wire/values.ts'
import type { Words } from './run-words.ts'

export type { Words }

/** `value`: what it looks like; '' for one that is there or not. */
export type CommandFlag = { value: string; help: string; repeatable?: true }
export type CommandFlags = Readonly<Record<string, CommandFlag>>
export type CommandHelp = { flags: CommandFlags; listOptions(parser: Argv): Argv; shapeOf(option: string): string }

/** What all of them have. */
export const controllerFlags: CommandFlags = {
  controller: { value: 'url', help: 'the controller (CAUSEWAY_CONTROLLER, or where probe login was last)' },
  ca: { value: 'file', help: "PEM of the authority that the controller's certificate is from, when it is its own (CAUSEWAY_CA)" },
}

export const helpFrom = (usage: readonly string[], flags: CommandFlags): CommandHelp => ({
  flags,
  shapeOf: name => flags[name]?.value ?? '',
  listOptions: parser => {
    parser.usage(usage.join('\n')).option('version', { hidden: true })
    for (const [name, { value, help }] of Object.entries(flags))
      parser.option(name, { type: value === '' ? 'boolean' : 'string', describe: help })
    return parser
  },
})

/** Options that there are not, that need a value, or that came twice. */
export const flagProblems = (command: string, { flags }: Words, known: CommandFlags): string[] =>
  Object.entries(flags).flatMap(([name, values = []]) => {
    const flag = known[name]
    if (!flag) {
      const near = nearest(name, Object.keys(known))
      const hint = near
        ? `did you mean --${near}?`
        : `it has ${Object.keys(known)
            .map(one => `--${one}`)
            .join(' ')}`
      return [`--${name}: unknown option of ${command}, ${hint}`]
    }
    if (flag.value !== '' && values.some(value => value === '')) return [`--${name}: needs a value, ${flag.value}`]
    if (values.length > 1 && !flag.repeatable) return [`--${name}: given ${values.length} times`]
    return flag.value === '' && values[0] !== 'true' && values[0] !== 'false' ? [`--${name}: takes no value, got ${quote(values[0]!)}`] : []
  })

export const flagOfWords = ({ flags }: Words, name: string): string | undefined => flags[name]?.[0]
export const isSet = ({ flags }: Words, name: string): boolean => flags[name]?.[0] === 'true'

export const outputProblems = (words: Words, outputs: readonly string[]): string[] => {
  const output = flagOfWords(words, 'output')
  return output === undefined || output === '' || outputs.includes(output)
    ? []
    : [`--output: got ${quote(output)}, want ${outputs.join(', ')}`]
}

/** Words that stand where none belongs. */
export const strayProblems = (command: string, { targets }: Words, hint = 'it takes options only'): string[] =>
  targets.map(word => `${command}: ${quote(word)} does not belong here, ${hint}`)
