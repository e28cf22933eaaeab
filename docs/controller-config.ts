/** The reference page of the controller's file, from its schema. */
import { settings } from '../controller/config/read.ts'
import { configSchema } from '../controller/config/schema.ts'
import { note, table } from './page.ts'
import { rowsOf } from './schema-rows.ts'

const layers = Object.entries(settings).map(([name, { flag, variable, help }]) => [`\`--${flag}\``, `\`${variable}\``, `\`${name}\``, help])

export const controllerConfigPage = (): string =>
  [
    note,
    "# The controller's file",
    'YAML (or JSON), closed: a key that is not here is an error. Nothing in it is needed: `probe controller` without any serves on 127.0.0.1:8080 over an embedded store. All problems are told at once, each with its line, and the controller ends with code 2. Read at the start; certificates and the fleet file are looked at again when they change.',
    table(['key', 'type', 'what'], rowsOf(configSchema)),
    '## Flags and variables',
    "Flags win over variables, variables over the file. `--config` (`CAUSEWAY_CONFIG`) names the file; `--name` and `--export` may be given several times. OpenTelemetry's own `OTEL_EXPORTER_OTLP_…` variables add an endpoint for metrics, and are where traces of the API go.",
    table(['flag', 'variable', 'in the file', 'what'], layers),
  ].join('\n\n')
