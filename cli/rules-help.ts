/** What `probe rules --help` shows. */
import { helpFrom } from './command-words.ts'

export const ruleFormats = ['prometheus', 'prometheus-tests', 'alertmanager'] as const

export const { flags, listOptions, shapeOf } = helpFrom(
  [
    '$0 rules export [--format prometheus] [-f <fleet.yaml>]',
    '',
    'Writes the alert rules, those that ship on and those of the fleet file, as a rule file for Prometheus,',
    'Mimir, Thanos or VictoriaMetrics; unit tests of them for `promtool test rules`, which expect the rules',
    'beside them as causeway-rules.yaml; or an example of an Alertmanager configuration.',
    'Exit codes: 0 written; 2 the fleet file has mistakes, or the words do.',
  ],
  {
    format: { value: 'format', help: `${ruleFormats.join(', ')} [prometheus]` },
    file: { value: 'file', help: 'the fleet file (-f), for its rules, links and meshes' },
  },
)
