/** A schema as the rows of a reference page: one for each key, however deep. */

export type Schema = {
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
  return `${type}${minimum === undefined ? '' : maximum === undefined ? `, at least ${minimum}` : `, ${minimum} to ${maximum}`}`
}

/** Parents before their children; a list's items are its children, as `name[].key`. */
export const rowsOf = ({ properties = {}, required = [] }: Schema, prefix = ''): string[][] =>
  Object.entries(properties).flatMap(([name, schema]) => {
    const path = `${prefix}${name}`
    const { description = '', examples = [], items, anyOf = [] } = schema
    // Of several forms the one that has keys of its own, when it is the only one.
    const sections = anyOf.filter(({ properties }) => properties)
    const inner = items ?? (sections.length === 1 ? sections[0]! : schema)
    const example = examples.length > 0 ? ` (${examples.map(one => `\`${one}\``).join(', ')})` : ''
    // Without any target or check an agent only answers: in the file both may be left out.
    const must = prefix !== '' && required.includes(name) ? ', required' : ''
    return [[`\`${path}\``, `${typeOf(schema)}${must}`, `${description}${example}`], ...rowsOf(inner, items ? `${path}[].` : `${path}.`)]
  })
