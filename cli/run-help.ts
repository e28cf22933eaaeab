/** What `probe run --help` shows; loaded only when `run` is among the words. */
import type { Argv } from 'yargs'
import { flagNames, flagOf, helpOf } from './flags.ts'

/** What the value of an option looks like. */
export const shapeOf = (name: string): string => {
  const known = flagNames.find(flag => flag === name)
  return known ? flagOf(known).value : ''
}

/** Tells yargs the options, so that it takes values with them, and lists them when help is asked for. */
export const listOptions = (parser: Argv, isHelpAsked: boolean): Argv => {
  parser
    .usage(
      [
        '$0 run <target>… [options]',
        '',
        'A target is host[:port] for the ladder (dns icmp mtu tcp tls, mtls with an identity), or a URL:',
        '  dns://name  icmp://host  mtu://host[:port]  tcp://host:port  udp://host[:port]  tls://host[:port]',
        '  trace://host[:port]',
        '  mtls://host[:port]  bundle+https://host[:port]/path  https://host[:port]/path  http://host/path',
        '  federation://aws  federation://azure  federation://gcp',
        'IPv6 addresses go in brackets. Durations are 200ms, 1.5s, 2m; sizes 1500, 64KiB; ratios 10% or 0.1.',
        'Exit codes: 0 ok, 1 something failed, 2 bad usage, 3 not measured.',
      ].join('\n'),
    )
    .option('version', { hidden: true })
  for (const name of flagNames) {
    const shown = isHelpAsked ? { describe: helpOf(name) } : { hidden: true }
    parser.option(name, { type: flagOf(name).value ? 'string' : 'boolean', ...shown })
  }
  return parser
}
