/** What `probe incident --help` shows. */
import { controllerFlags, helpFrom } from './command-words.ts'

export const { flags, listOptions, shapeOf } = helpFrom(
  [
    '$0 incident <id> [options]',
    '$0 incident <id> ack [--note <text>]',
    '',
    'What is wrong and where, what speaks for it and against it, what changed lately, what to do next, and',
    'how it came about. ack says that you look after it.',
    'Exit codes: 0 shown, 1 it is over and cannot be looked after, 2 refused or bad usage,',
    '3 the controller could not be asked.',
  ],
  {
    note: { value: 'text', help: 'ack: shown beside the incident' },
    output: { value: 'format', help: 'human, json [human]' },
    ...controllerFlags,
  },
)
