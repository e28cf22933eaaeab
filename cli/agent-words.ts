/** What may be wrong with the words of `probe agent` before anything is read. Pure. */
import { settings } from '../agent/config/layers.ts'
import { quote } from '../wire/values.ts'
import type { Words } from './run-words.ts'

/** Flags that are about the command; the others are the agent's settings. */
const own = ['config', 'export'] as const
const known = [...own, ...Object.values(settings).map(({ flag }) => flag)] as readonly string[]

/** Every problem, with its remedy. `file` is the configuration that was named; without one a controller has to say what to do. */
export const judgeAgentWords = ({ targets, flags }: Words, file: string | undefined, controller: string | undefined): string[] => [
  ...targets.map(
    word =>
      `${quote(word)} does not belong here, ${/\.ya?ml$/.test(word) ? `did you mean --config ${word}?` : 'targets are in the file, --config'}`,
  ),
  ...(file === undefined && controller === undefined
    ? ['no configuration: --config <file>, or CAUSEWAY_CONFIG; examples/agent.yaml is one; or --controller <url>']
    : []),
  ...Object.keys(flags).flatMap(name =>
    known.includes(name) ? [] : [`--${name}: unknown option of agent, it has ${known.map(one => `--${one}`).join(' ')}`],
  ),
  ...Object.entries(flags).flatMap(([name, values = []]) => (name !== 'export' && values.length > 1 ? [`--${name}: given twice`] : [])),
]
