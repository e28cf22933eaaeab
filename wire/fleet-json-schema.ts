/** The JSON Schema of the fleet file for editors: what has a default need not be written, and options depend on their kind. */
import { fleetSchema } from './fleet.ts'
import { optionSchemas } from './options.ts'
import { isObject, type Schema } from './read.ts'

/** As plain JSON. */
export const fleetJsonSchema = (): Record<string, unknown> => {
  const schema = withoutDefaulted(fleetSchema) as Record<string, Record<string, Record<string, unknown>>>
  const checks = schema['properties']!['checks']!['items'] as Record<string, unknown>
  checks['allOf'] = Object.entries(optionSchemas).map(([kind, { properties }]) => ({
    if: { properties: { kind: { const: kind } } },
    // biome-ignore lint/suspicious/noThenProperty: JSON Schema's own word
    then: { properties: { options: { additionalProperties: false, properties: asWritten(properties) } } },
  }))
  return { $schema: 'https://json-schema.org/draft/2020-12/schema', title: 'Causeway fleet', ...schema }
}

/** Both names of an option, and texts where people write units. */
const asWritten = (properties: Readonly<Record<string, Schema>>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(properties).flatMap(([name, schema]) => {
      const short = name.replace(/(Ms|Bytes)$/, '')
      const written =
        short === name && name !== 'maxLoss' ? schema : { anyOf: [schema, { type: 'string' }], description: schema.description }
      return short === name
        ? [[name, written]]
        : [
            [name, written],
            [short, written],
          ]
    }),
  )

const withoutDefaulted = (schema: unknown): unknown => {
  if (Array.isArray(schema)) return schema.map(withoutDefaulted)
  if (!isObject(schema)) return schema
  const entries = Object.entries(schema).map(([key, value]): [string, unknown] => [key, withoutDefaulted(value)])
  const copy = Object.fromEntries(entries)
  const properties = schema['properties']
  if (isObject(properties) && Array.isArray(schema['required']))
    copy['required'] = schema['required'].filter(name => !(isObject(properties[name]) && 'default' in properties[name]))
  return copy
}
