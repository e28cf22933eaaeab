/** What `probe agent --help` shows; loaded only when `agent` is among the words. */
import type { Argv } from 'yargs'
import { settings } from '../agent/config/layers.ts'

const shapes: Record<string, string> = {
  config: 'file',
  export: 'url',
  data: 'directory',
  listen: 'address:port',
  policy: 'file',
  controller: 'url',
  'controller-ca': 'file',
  'join-token-file': 'file',
  'workload-api': 'address',
}
export const shapeOf = (name: string): string => shapes[name] ?? (Object.values(settings).some(({ flag }) => flag === name) ? 'name' : '')

export const listOptions = (parser: Argv): Argv => {
  parser
    .usage(
      [
        '$0 agent --config <file> [options]',
        '$0 agent --controller <url> [--config <file>] [options]',
        '',
        'Runs the checks of a file, and those that a controller assigns, for ever: results go to OTLP endpoints and /metrics; answers the probes of other agents.',
        'The file is read again when it changes, and on SIGHUP. Each option is also a variable: CAUSEWAY_CLOUD for --cloud.',
        'Exit codes: 0 ended by a signal, 2 a configuration that cannot be run.',
      ].join('\n'),
    )
    .option('version', { hidden: true })
    .option('config', { type: 'string', describe: 'YAML file: targets, checks, where results go (CAUSEWAY_CONFIG)' })
    .option('export', { type: 'string', describe: 'OTLP/HTTP endpoint, beside those of the file; may be given again' })
  for (const { flag, help } of Object.values(settings)) parser.option(flag, { type: 'string', describe: help })
  return parser
}
