import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { Compile } from 'typebox/schema'
import { parse } from 'yaml'
import { readOptions } from '../../wire/check-options.ts'
import { fleetSchema } from '../../wire/fleet.ts'
import { fleetJsonSchema } from '../../wire/fleet-json-schema.ts'
import { maxFindings, readBySchema } from '../../wire/read.ts'

const validator = Compile(fleetSchema)
const example: object = parse(readFileSync(new URL('../../examples/fleet.yaml', import.meta.url), 'utf8'))

/** A document with one place replaced or taken away. */
const spoilt = fc
  .tuple(fc.nat(), fc.constantFrom<unknown>(undefined, null, '', 'x', '10s', -1, 1e9, 1.5, true, [], {}, ['a'], { nonsense: 1 }))
  .map(([at, value]) => {
    const copy = structuredClone(example)
    const places: [Record<string, unknown>, string][] = []
    const visit = (node: unknown): void => {
      if (typeof node !== 'object' || node === null) return
      for (const key of Object.keys(node)) {
        places.push([node as Record<string, unknown>, key])
        visit((node as Record<string, unknown>)[key])
      }
    }
    visit(copy)
    const [node, key] = places[at % places.length]!
    if (value === undefined && !Array.isArray(node)) delete node[key]
    else node[key] = value ?? null
    return copy
  })

t.test('a document is read without problems exactly when TypeBox finds that what was read fits the schema', async () => {
  fc.assert(
    fc.property(spoilt, document => {
      const { value, problems } = readBySchema(fleetSchema, document)
      return (problems.length === 0) === validator.Check(value)
    }),
    { numRuns: 2000 },
  )
})

t.test('reading changes nothing that it is given, and reads the same from what it has read', async t => {
  const before = JSON.stringify(example)
  const { value } = readBySchema(fleetSchema, example)
  t.equal(JSON.stringify(example), before)
  t.same(readBySchema(fleetSchema, value).value, value)
  t.ok(Object.isFrozen(value))
})

t.test('a document of nothing but mistakes is not read to its end', async t => {
  const { problems } = readBySchema(fleetSchema, Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`k${i}`, 1])))
  t.ok(problems.length >= maxFindings && problems.length < maxFindings + 20)
})

t.test('the editors’ schema takes the example, needs only what has no default, and knows the options of each kind', async t => {
  const schema = fleetJsonSchema()
  const editor = Compile(schema)
  t.ok(editor.Check(example), JSON.stringify(editor.Errors(example)))
  t.ok(editor.Check({ apiVersion: 'causeway/v1' }))
  t.notOk(editor.Check({ apiVersion: 'causeway/v1', checks: [{ name: 'c', kind: 'icmp', every: '1s', options: { cont: 1 } }] }))
  t.same(schema, JSON.parse(JSON.stringify(schema)), 'it is plain JSON')
})

t.test('options may be written with or without their unit, as numbers or as texts', async t => {
  t.match(readOptions('tcp', { payload: '64KiB' }), {
    problems: [],
    given: { payloadBytes: 65_536 },
    value: { payloadBytes: 65_536, control: false },
  })
  t.match(readOptions('icmp', { interval: '0.1s', size: 100, maxLoss: '5%' }).value, {
    intervalMs: 100,
    sizeBytes: 100,
    maxLoss: 0.05,
    count: 5,
  })
  t.match(readOptions('icmp', { interval: 'soon' }).problems, [{ steps: ['interval'], message: /is not a duration/ }])
  t.match(readOptions('icmp', { interval: '2h' }).problems, [{ steps: ['interval'], message: 'got 7200000, want 0 to 60000' }])
})
