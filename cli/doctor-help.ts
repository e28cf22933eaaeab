/** What `probe doctor --help` shows. */
import type { Argv } from 'yargs'
import { settings } from '../agent/config/layers.ts'
import { shapeOf as shapeOfAgent } from './agent-help.ts'

export const shapeOf = (name: string): string => (name === 'output' ? 'human|json' : shapeOfAgent(name))

export const listOptions = (parser: Argv): Argv => {
  parser
    .usage(
      [
        '$0 doctor [--config <file>] [options]',
        '',
        'What an agent would be able to do from here, found out by trying, with what to change: ICMP, kernel, clock,',
        'interception, data directory, identity, location, the controller, and the token of who asks. Takes the options,',
        'variables and file of probe agent, so that in a pod it is: kubectl exec <pod> -- probe doctor. Changes nothing.',
        'Exit codes: 0 nothing is missing, 1 something is, 2 a configuration that cannot be run.',
      ].join('\n'),
    )
    .option('version', { hidden: true })
    .option('config', { type: 'string', describe: 'YAML file of the agent (CAUSEWAY_CONFIG)' })
    .option('output', { type: 'string', describe: 'human or json' })
  for (const { flag, help } of Object.values(settings)) parser.option(flag, { type: 'string', describe: help })
  return parser
}
