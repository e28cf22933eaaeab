import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { Compile } from 'typebox/schema'
import { kindTexts, type Options, optionSchemas, withDefaults } from '../../wire/options.ts'
import { type Kind, kinds } from '../../wire/result.ts'

type Property = {
  type?: string
  enum?: readonly unknown[]
  default?: unknown
  description: string
  minimum?: number
  maximum?: number
  pattern?: string
  items?: Property
}
type Schema = { type: string; additionalProperties: unknown; required: readonly string[]; properties: Record<string, Property> }

const schemas = optionSchemas as unknown as Record<Kind, Schema>

const isSame = (a: object, b: object): boolean =>
  Object.keys(a).length === Object.keys(b).length &&
  Object.entries(a).every(([name, value]) => (b as Record<string, unknown>)[name] === value)

/** Values that a property takes. */
const anyOf = ({ type, enum: values, minimum = 0, maximum = 1000, items, pattern }: Property): fc.Arbitrary<unknown> => {
  if (values) return fc.constantFrom(...values)
  if (type === 'integer') return fc.integer({ min: minimum, max: maximum })
  if (type === 'number') return fc.double({ min: minimum, max: maximum, noNaN: true })
  if (type === 'boolean') return fc.boolean()
  if (type === 'array') return fc.array(anyOf(items!), { maxLength: 3 })
  if (type === 'object') return fc.dictionary(fc.constantFrom('a.test', 'b.test'), fc.string())
  return pattern ? fc.stringMatching(new RegExp(pattern)) : fc.string({ minLength: 1, maxLength: 20 })
}

t.test('every kind has options and a text, and nothing else has', async t => {
  t.same(new Set(Object.keys(schemas)), new Set(kinds))
  t.same(new Set(Object.keys(kindTexts)), new Set(kinds))
  t.equal(new Set(kinds).size, kinds.length)
})

const page = readFileSync(new URL('../../docs/reference/checks.md', import.meta.url), 'utf8')

for (const kind of kinds) {
  const schema = schemas[kind]
  const validator = Compile(optionSchemas[kind])
  const isValid = (value: unknown): boolean => validator.Check(value)

  t.test(`${kind}: the defaults are valid, complete and frozen`, async t => {
    const defaults = withDefaults(kind, {})
    t.ok(isValid(defaults), JSON.stringify(validator.Errors(defaults)))
    const wanted = Object.entries(schema.properties).filter(([, property]) => property.default !== undefined)
    t.same(defaults, Object.fromEntries(wanted.map(([name, property]) => [name, property.default])))
    t.same(new Set(schema.required), new Set(wanted.map(([name]) => name)), 'what has a default is always there')
    t.ok(Object.isFrozen(defaults))
    t.ok('timeoutMs' in defaults)
  })

  t.test(`${kind}: an object is closed`, async t => {
    t.equal(schema.additionalProperties, false)
    t.notOk(isValid({ ...withDefaults(kind, {}), nonsense: 1 }))
    for (const required of schema.required) {
      const { [required]: _, ...rest } = withDefaults(kind, {}) as Record<string, unknown>
      t.notOk(isValid(rest), `without ${required}`)
    }
  })

  t.test(`${kind}: what is given wins, what is not given is the default, and what is undefined was not given`, async () => {
    const given = fc.record(Object.fromEntries(Object.entries(schema.properties).map(([name, property]) => [name, anyOf(property)])), {
      requiredKeys: [],
    })
    fc.assert(
      fc.property(given, given => {
        const before = JSON.stringify(given)
        const options = withDefaults(kind, given as Partial<Options[Kind]>) as Record<string, unknown>
        const alsoUndefined = Object.fromEntries(Object.keys(schema.properties).map(name => [name, given[name]]))
        return (
          isValid(options) &&
          Object.entries(given).every(([name, value]) => options[name] === value) &&
          Object.keys(schema.properties).every(name => name in given || options[name] === schema.properties[name]!.default) &&
          isSame(withDefaults(kind, alsoUndefined as never), options) &&
          JSON.stringify(given) === before
        )
      }),
    )
  })

  t.test(`${kind}: numbers have bounds, and the bounds hold`, async t => {
    for (const [name, { type, minimum, maximum }] of Object.entries(schema.properties)) {
      if (type !== 'integer' && type !== 'number') continue
      const at = (value: unknown): boolean => isValid({ ...withDefaults(kind, {}), [name]: value })
      t.ok(minimum !== undefined && maximum !== undefined && minimum < maximum, name)
      t.ok(at(minimum) && at(maximum), `${name}: ${minimum} and ${maximum}`)
      for (const bad of [minimum! - 1, maximum! + 1, Number.NaN, Number.POSITIVE_INFINITY, String(minimum), null])
        t.notOk(at(bad), `${name}: ${bad}`)
      if (type === 'integer') t.notOk(at(minimum! + 0.5), `${name}: no halves`)
    }
  })

  t.test(`${kind}: every option is described, here and on its page, and names its unit`, async t => {
    for (const [name, { description, type }] of Object.entries(schema.properties)) {
      t.match(description, /^.{6,}[^.]$/, name)
      t.ok(page.includes(`\`${name}\``), `${name} is on the page of checks`)
      if (type === 'number' || type === 'integer')
        t.match(
          name,
          /Ms$|Bytes$|Mtu$|^count$|^maxLoss$|^maxSteps$|^tries$|^flows$|^queries$|^maxHops$|^sourcePort$|^identifier$|^firstFlow$|^redirects$/,
          name,
        )
    }
    t.ok(page.includes(`## ${kind}`) || page.includes(`## \`${kind}\``), 'the kind is on it')
  })
}

t.test('no two kinds share what one of them could change', async t => {
  const before = JSON.stringify(optionSchemas)
  for (const kind of kinds) t.throws(() => ((withDefaults(kind, {}) as { timeoutMs: number }).timeoutMs = 1), TypeError)
  t.equal(JSON.stringify(optionSchemas), before)
})
