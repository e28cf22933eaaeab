/** The reference page of the agent's file, from its schema: one row for each key, however deep. */
import { settings } from '../agent/config/layers.ts'
import { configSchema } from '../agent/config/schema.ts'
import { note, table } from './page.ts'

type Schema = {
  type?: string
  const?: unknown
  anyOf?: readonly Schema[]
  enum?: readonly unknown[]
  minimum?: number
  maximum?: number
  description?: string
  examples?: readonly string[]
  required?: readonly string[]
  properties?: Record<string, Schema>
  additionalProperties?: boolean | Schema
  items?: Schema
}

const typeOf = ({ type, anyOf, enum: values, minimum, maximum, properties, items }: Schema): string => {
  if (values) return values.join(' or ')
  if (items) return `list${items.properties ? '' : ` of ${items.type}s`}`
  if (properties) return 'section'
  if (type === 'object') return 'map'
  if (anyOf) return anyOf.map(one => (one.const === undefined ? typeOf(one) : `\`${one.const}\``)).join(' or ')
  return `${type}${minimum === undefined ? '' : `, ${minimum} to ${maximum}`}`
}

/** Parents before their children; a list's items are its children, as `name[].key`. */
const rowsOf = ({ properties = {}, required = [] }: Schema, prefix = ''): string[][] =>
  Object.entries(properties).flatMap(([name, schema]) => {
    const path = `${prefix}${name}`
    const { description = '', examples = [], items } = schema
    const example = examples.length > 0 ? ` (${examples.map(one => `\`${one}\``).join(', ')})` : ''
    // Without any target or check an agent only answers: in the file both may be left out.
    const must = prefix !== '' && required.includes(name) ? ', required' : ''
    return [
      [`\`${path}\``, `${typeOf(schema)}${must}`, `${description}${example}`],
      ...rowsOf(items ?? schema, items ? `${path}[].` : `${path}.`),
    ]
  })

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
