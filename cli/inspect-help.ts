/** What `probe inspect --help` shows; loaded only when `inspect` is among the words. */
import type { Argv } from 'yargs'
import { type InspectFlag, inspectFlags } from './inspect-options.ts'

const names = Object.keys(inspectFlags) as InspectFlag[]

/** What the value of an option looks like. */
export const shapeOf = (name: string): string => (Object.hasOwn(inspectFlags, name) ? inspectFlags[name as InspectFlag].value : '')

export const listOptions = (parser: Argv): Argv => {
  parser
    .usage(
      [
        '$0 inspect <file|-> [options]',
        '',
        'Judges offline: an X509-SVID (PEM or DER chain, with or without its key), a trust bundle (JWKS or PEM), a JWT-SVID or token.',
        'Exit codes: 0 ok, 1 a rule is broken, 2 unreadable or bad usage.',
      ].join('\n'),
    )
    .option('version', { hidden: true })
  for (const name of names) parser.option(name, { type: 'string', describe: inspectFlags[name].help })
  return parser
}
