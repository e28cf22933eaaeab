/** What `probe get --help` shows. */
import type { Schema } from '../wire/read.ts'
import { type CommandFlags, controllerFlags, helpFrom } from './command-words.ts'
import { filterKeys, flagOfKey, things } from './get-things.ts'

/** Each filter once, with the things that have it. */
const filterFlags = (): CommandFlags => {
  const flags: Record<string, { value: string; help: string; names: string[] }> = {}
  for (const [name, thing] of Object.entries(things))
    for (const key of filterKeys(thing)) {
      const schema = thing.query.properties![key]!
      const flag = (flags[flagOfKey(key)] ??= { value: shapeText(key, schema), help: schema.description ?? '', names: [] })
      flag.names.push(name)
    }
  return Object.fromEntries(
    Object.entries(flags).map(([name, { value, help, names }]) => [name, { value, help: `${names.join(', ')}${help ? `: ${help}` : ''}` }]),
  )
}

const shapeText = (key: string, { type, enum: choices, examples, pattern }: Schema): string => {
  if (choices) return choices.join('|')
  if (type === 'boolean') return ''
  if (pattern?.endsWith('(s|m|h|d)$')) return 'duration'
  if (key === 'month') return 'yyyy-mm'
  return type === 'integer' ? 'n' : examples ? 'place' : key === 'since' || key === 'until' ? 'time' : 'name'
}

export const { flags, listOptions, shapeOf } = helpFrom(
  [
    '$0 get <thing> [filters] [options]',
    '',
    ...Object.entries(things).map(([name, { help }]) => `  ${name.padEnd(10)} ${help}`),
    '  run <id>   what came of a run that was asked for',
    '  events     what changes, as it changes, until it is stopped; --kind, --after <id>',
    '  schema     the JSON Schema of the fleet file, for editors; asks no controller',
    '',
    'Exit codes: 0 shown, 2 refused or bad usage, 3 the controller could not be asked.',
  ],
  {
    ...filterFlags(),
    after: { value: 'id', help: 'events: those after this one; without it from now on' },
    limit: { value: 'n', help: 'entries at most [1000]' },
    watch: { value: '', help: 'show it again every two seconds' },
    output: { value: 'format', help: 'human, json, ndjson; fleet also yaml [human]' },
    ...controllerFlags,
  },
)
