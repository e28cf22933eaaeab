import t from 'tap'
import { contains, incidentKey, type Place, placeText, samePlace } from '../../../controller/localise/place.ts'

const region = (name: string, direction: 'in' | 'out' | 'both' = 'both'): Place => ({ kind: 'region', name, direction })
const link = (from: string, to: string, both?: true): Place => ({ kind: 'link', from, to, ...(both && { both }) })
const clouds = (from: string, to: string, both?: true): Place => ({ kind: 'clouds', from, to, ...(both && { both }) })
const homes = new Map([
  ['agent one', { node: 'n1', zone: 'aws/us-east-1/a', region: 'aws/us-east-1', cloud: 'aws' }],
  ['node n1', { zone: 'aws/us-east-1/a', region: 'aws/us-east-1', cloud: 'aws' }],
  ['target payments', { region: 'azure/eastus', cloud: 'azure' }],
])

t.test('a wider place contains a narrower one that all of it runs through', async t => {
  const east = link('aws/us-east-1', 'azure/eastus')
  for (const [outer, inner] of [
    [region('aws/us-east-1'), east],
    [region('aws/us-east-1', 'out'), east],
    [region('azure/eastus', 'in'), east],
    [clouds('aws', 'azure'), east],
    [clouds('aws', 'azure', true), east],
    [clouds('azure', 'aws', true), east],
    [link('aws/us-east-1', 'azure/eastus', true), east],
    [{ kind: 'cloud', name: 'aws', direction: 'both' }, region('aws/us-east-1')],
    [
      { kind: 'cloud', name: 'aws', direction: 'both' },
      { kind: 'zone', name: 'aws/us-east-1/a', direction: 'out' },
    ],
    [region('aws/us-east-1'), { kind: 'agent', name: 'one', direction: 'both' }],
    [
      { kind: 'node', name: 'n1', direction: 'both' },
      { kind: 'agent', name: 'one', direction: 'in' },
    ],
    [region('azure/eastus', 'in'), { kind: 'target', name: 'payments' }],
    [
      { kind: 'family', family: 6 },
      { kind: 'family', family: 6, from: 'aws', to: 'azure' },
    ],
  ] as [Place, Place][])
    t.ok(contains(outer, inner, homes), `${placeText(outer)} contains ${placeText(inner)}`)
})

t.test('what only touches is not contained, nor is what nobody knows the home of', async t => {
  const east = link('aws/us-east-1', 'azure/eastus')
  for (const [outer, inner] of [
    [region('aws/us-east-1', 'in'), east],
    [east, link('aws/us-east-1', 'azure/eastus', true)],
    [region('aws/us-east-1', 'out'), region('aws/us-east-1')],
    [clouds('azure', 'aws'), east],
    [region('aws/us-east-1'), { kind: 'target', name: 'payments' }],
    [region('aws/us-east'), region('aws/us-east-1')],
    [region('aws/us-east-1'), { kind: 'agent', name: 'stranger', direction: 'both' }],
    [
      { kind: 'family', family: 4 },
      { kind: 'family', family: 6 },
    ],
    [{ kind: 'hub', name: 'x' }, east],
  ] as [Place, Place][])
    t.notOk(contains(outer, inner, homes), `${placeText(outer)} does not contain ${placeText(inner)}`)
})

t.test('a key is printable, short, and different for what is different', async t => {
  t.equal(incidentKey(link('aws/us-east-1', 'azure/eastus'), 'path'), 'path:link:aws/us-east-1>azure/eastus')
  const long = [0, 1].map(i => incidentKey({ kind: 'target', name: `${'x'.repeat(200)}${i}` }, 'tls'))
  t.not(long[0], long[1])
  for (const key of [...long, incidentKey({ kind: 'target', name: 'zoë\n"<b>' }, 'tls')]) {
    t.match(key, /^[\x21-\x7e]+$/)
    t.ok(key.length <= 120)
  }
  t.not(incidentKey({ kind: 'target', name: 'é' }, 'tls'), incidentKey({ kind: 'target', name: 'è' }, 'tls'))
  t.ok(samePlace(region('a/b'), region('a/b')))
  t.notOk(samePlace(region('a/b'), region('a/b', 'in')))
})
