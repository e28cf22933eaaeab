/** The reference page of the agent's file, from its schema: one row for each key, however deep. */
import { settings } from '../agent/config/layers.ts'
import { configSchema } from '../agent/config/schema.ts'
import { note, table } from './page.ts'
import { rowsOf } from './schema-rows.ts'

const layers = Object.entries(settings).map(([name, { flag, variable, in: section, help }]) => [
  `\`--${flag}\``,
  `\`${variable}\``,
  `\`${section === '' ? name : `${section}.${name}`}\``,
  help,
])

export const agentConfigPage = (): string =>
  [
    note,
    "# The agent's file",
    'YAML (or JSON), closed: a key that is not here is an error. All problems are told at once, each with its line, and the agent ends with code 2; of a file that is changed while it runs, the old one stays, and `causeway_agent_config_rejections_total` counts. Paths in it are relative to the file. What is about measuring and export takes effect at once; `agent`, `identity`, `responder`, `listen`, `data` and `spool` at the next start. Options of each kind of check: [checks](checks.md); there durations and sizes may be written as `200ms` and `64KiB`.',
    table(['key', 'type', 'what'], rowsOf(configSchema)),
    '## Flags and variables',
    "Flags win over variables, variables over the file. `--config` (`CAUSEWAY_CONFIG`) names the file, `--export` adds an endpoint. OpenTelemetry's own `OTEL_EXPORTER_OTLP_…` variables add one too, and `OTEL_RESOURCE_ATTRIBUTES` goes with everything that is sent.",
    table(['flag', 'variable', 'in the file', 'what'], layers),
  ].join('\n\n')
