/** What `probe import --help` shows. */
import { helpFrom } from './command-words.ts'

export const { flags, listOptions, shapeOf } = helpFrom(
  [
    '$0 import istio <file>… [--location <cloud/region>] [--owner <name>]',
    '',
    'Writes a fleet file with the targets that Gateways, ServiceEntries and DestinationRules describe: address, SNI (of',
    'east-west gateways outbound_.<port>_.<subset>_.<host>), ALPN and the SPIFFE IDs that have to answer. `-` reads what is piped in:',
    'kubectl get gw,se,dr -A -o yaml | probe import istio -',
    'Exit codes: 0 written; 1 nothing to write; 2 an object or the words have mistakes.',
  ],
  {
    location: { value: 'place', help: 'cloud/region of all of them, which the objects do not know' },
    owner: { value: 'name', help: 'owner of the fleet file [istio]' },
  },
)
