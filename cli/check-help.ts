/** What `probe check --help` shows. */
import { controllerFlags, helpFrom } from './command-words.ts'

export const { flags, listOptions, shapeOf } = helpFrom(
  [
    '$0 check --from <place> --to <place> [--both-ways] [options]',
    '$0 check --from <place> --via <gateway>=<agent>… --to <place> [--end-to-end <target>] [options]',
    '',
    'Has agents measure now, from one place to another, and says what is wrong and which way: for a',
    'pipeline, before and after a change.',
    'A place is cloud/region or the id of an agent; --to may also be a target of the fleet.',
    'With --via each leg of a way through gateways is measured by the agent where it begins, all at',
    'once, and the last line says which leg fails.',
    'Exit codes: 0 ok, 1 something failed, 2 bad usage, 3 not measured, or no controller to ask.',
  ],
  {
    from: { value: 'place', help: 'whose agents measure: aws/us-east-1' },
    to: { value: 'place', help: 'what they measure: azure/eastus, or the name of a target' },
    'both-ways': { value: '', help: 'also from --to to --from' },
    via: {
      value: 'gateway=agent',
      repeatable: true,
      help: 'a gateway on the way, in order: the target that it is, and the agent beside it',
    },
    'end-to-end': { value: 'target', help: 'with --via: also the whole way, to the target that the workload at --from uses' },
    kinds: { value: 'list', help: 'what to measure, with commas: icmp,tcp,mtu; without it what fits the target' },
    agents: { value: 'n', help: 'how many agents measure, each way [2]' },
    timeout: { value: 'duration', help: 'how long to wait for their results [2m]' },
    output: { value: 'format', help: 'human, json, junit [human]' },
    ...controllerFlags,
  },
)
