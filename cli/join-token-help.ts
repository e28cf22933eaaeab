/** What `probe join-token --help` shows. */
import { controllerFlags, helpFrom } from './command-words.ts'

export const { flags, listOptions, shapeOf } = helpFrom(
  [
    '$0 join-token --cloud <name> --region <name> [options]',
    '',
    'A token that lets one agent enrol, once, within ten minutes: for machines that have no identity of',
    'their own. The token alone goes to stdout.',
    'Exit codes: 0 made, 2 refused or bad usage, 3 the controller could not be asked.',
  ],
  {
    agent: { value: 'id', help: 'the id that the agent gets; default: join/ and eight random letters' },
    cloud: { value: 'name', help: 'where it stands: aws, azure, gcp, onprem …' },
    region: { value: 'name', help: 'us-east-1, eastus, dc1 …' },
    zone: { value: 'name', help: 'availability zone' },
    cluster: { value: 'name', help: 'Kubernetes cluster' },
    node: { value: 'name', help: 'Kubernetes node' },
    label: { value: 'name=value', help: 'for choosing agents in the fleet file; may be given again', repeatable: true },
    output: { value: 'format', help: 'human, json [human]' },
    ...controllerFlags,
  },
)
