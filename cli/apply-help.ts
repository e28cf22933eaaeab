/** What `probe apply --help` shows. */
import { controllerFlags, helpFrom } from './command-words.ts'

export const { flags, listOptions, shapeOf } = helpFrom(
  [
    '$0 apply -f <fleet.yaml> [--yes] [options]',
    '',
    'Replaces what the owner of the file has in the fleet. Shows first what that changes: paths, packets,',
    'bytes and cost per link. A file with mistakes is refused as a whole, each with its line and why.',
    'Exit codes: 0 applied, or nothing to change; 1 the fleet has changed meanwhile; 2 refused, or nobody',
    'said yes; 3 the controller could not be asked.',
  ],
  {
    file: { value: 'file', help: 'the fleet file (-f); - reads what is piped in' },
    yes: { value: '', help: 'apply without asking' },
    'dry-run': { value: '', help: 'only show what it would change' },
    watch: { value: '', help: 'stay, and apply the file again whenever it changes' },
    output: { value: 'format', help: 'human, json [human]' },
    ...controllerFlags,
  },
)
