/** The configuration of the agent that these words, variables and files describe. */
import { readFileSync } from 'node:fs'
import type { AgentConfig } from '../agent/config/config.ts'
import { readConfig } from '../agent/config/read.ts'
import { defaultDataDirectory } from '../agent/data-directory.ts'
import type { Parsed } from '../wire/values.ts'
import type { Io } from './io.ts'
import type { Words } from './run-words.ts'

export const configFileOf = ({ flags }: Words, { env }: Pick<Io, 'env'>): string | undefined =>
  flags['config']?.[0] ?? (env['CAUSEWAY_CONFIG'] || undefined)

export const readAgentConfig = (words: Words, io: Pick<Io, 'env'>): Parsed<AgentConfig> =>
  readConfig({
    file: configFileOf(words, io),
    flags: Object.fromEntries(Object.entries(words.flags).map(([name, values]) => [name, values?.[0]])),
    exports: words.flags['export'] ?? [],
    environment: io.env,
    readFile: path => readFileSync(path, 'utf8'),
    defaultData: () => defaultDataDirectory(io.env),
  })
