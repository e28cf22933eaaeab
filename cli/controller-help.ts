/** What `probe controller --help` shows; loaded only when `controller` is among the words. */
import type { Argv } from 'yargs'
import { settings } from '../controller/config/read.ts'

const shapes: Record<string, string> = {
  config: 'file',
  export: 'url',
  name: 'name',
  data: 'directory',
  listen: 'address:port',
  store: 'url',
  'store-ca': 'file',
  fleet: 'file',
  location: 'cloud/region',
  'admin-token-file': 'file',
}
export const shapeOf = (name: string): string => shapes[name] ?? ''

export const listOptions = (parser: Argv): Argv => {
  parser
    .usage(
      [
        '$0 controller [options]',
        '',
        'Lets agents in, tells them what to probe, keeps what they measured, and shows it. Without options: on 127.0.0.1:8080, over an',
        'embedded store. Each option is also a variable: CAUSEWAY_LISTEN for --listen.',
        'Exit codes: 0 ended by a signal, 2 a configuration that cannot be run.',
      ].join('\n'),
    )
    .option('version', { hidden: true })
    .option('config', {
      type: 'string',
      describe: 'YAML file for all of this and more: TLS, OpenID, how long history is kept (CAUSEWAY_CONFIG)',
    })
    .option('name', { type: 'string', describe: 'name or address that agents reach it by, for its certificate; may be given again' })
    .option('export', { type: 'string', describe: 'OTLP/HTTP endpoint for metrics, cumulative; may be given again' })
    .option('new-admin-token', { type: 'boolean', describe: 'revoke the first admin token and print another, for who has lost it' })
    .option('admin-token-file', { type: 'string', describe: 'file that the first admin token is written to instead of being shown' })
  for (const { flag, help } of Object.values(settings)) parser.option(flag, { type: 'string', describe: help })
  return parser
}
