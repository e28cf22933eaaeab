/** What `probe alerts --help` shows. */
import { controllerFlags, helpFrom } from './command-words.ts'

export const { flags, listOptions, shapeOf } = helpFrom(
  [
    '$0 alerts test --receiver <name> [options]',
    '',
    'Tells a receiver of the fleet file, at once, that nothing is wrong, and shows what it answered.',
    'Exit codes: 0 taken, 1 not taken, 2 bad usage, 3 the controller could not be asked.',
  ],
  {
    receiver: { value: 'name', help: 'as it is called in the fleet file' },
    output: { value: 'format', help: 'human, json [human]' },
    ...controllerFlags,
  },
)
