/** What `probe login --help` shows. */
import { controllerFlags, helpFrom } from './command-words.ts'

export const { flags, listOptions, shapeOf } = helpFrom(
  [
    '$0 login --controller <url> [--ca <file>]',
    '',
    'Keeps a controller and the token for it, so that other commands need neither. The token is asked for',
    'without showing it, or read from what is piped in. It is tried before it is kept, in',
    '$XDG_CONFIG_HOME/causeway/login.json, readable by you alone.',
    'Exit codes: 0 kept, 2 refused or bad usage, 3 the controller could not be asked.',
  ],
  { ...controllerFlags, forget: { value: '', help: 'forget what was kept' } },
)
