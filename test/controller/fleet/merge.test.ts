import fc from 'fast-check'
import t from 'tap'
import { applyDocument, documentOf, mergeFleets } from '../../../controller/fleet/merge.ts'
import { selects } from '../../../controller/fleet/select.ts'
import { agentOf, fleetOf } from '../plan/made-up-fleet.ts'

const documents = ['a', 'b', 'c'].map(owner =>
  fleetOf(`owner: ${owner}\ntargets: [{ name: ${owner}1, address: x.test }, { name: ${owner}2, address: x.test }]`),
)

t.test('applying a document replaces what its owner had and nothing else', async t => {
  const after = applyDocument(documents, fleetOf('owner: b\ntargets: [{ name: b3, address: y.test }]'))
  t.same(
    mergeFleets(after).targets.map(({ name, owner }) => `${owner} ${name}`),
    ['a a1', 'a a2', 'b b3', 'c c1', 'c c2'],
  )
  t.same(documentOf(after, 'a'), documents[0])
  t.same(documentOf(after, 'nobody').targets, [])
})

t.test('the merged fleet is the same whatever the order, and frozen', async t => {
  const merged = JSON.stringify(mergeFleets(documents))
  fc.assert(fc.property(fc.shuffledSubarray(documents, { minLength: 3 }), shuffled => JSON.stringify(mergeFleets(shuffled)) === merged))
  t.throws(() => ((mergeFleets(documents).targets[0] as { name: string }).name = 'x'), TypeError)
})

t.test('a selector means agents of any of its values, with all of its labels', async t => {
  const agent = agentOf(1, 0, { labels: { tier: 'front', team: 'x' } })
  for (const [selector, wanted] of [
    [undefined, true],
    [{}, true],
    [{ cloud: ['gcp', 'aws'] }, true],
    [{ cloud: ['gcp'] }, false],
    [{ region: ['aws/r0'] }, true],
    [{ cluster: ['k'] }, false],
    [{ agent: ['a00001'], labels: { tier: 'front', team: 'x' } }, true],
    [{ labels: { tier: 'front', team: 'y' } }, false],
    [{ labels: { constructor: 'x' } }, false],
  ] as const)
    t.equal(selects(selector as Parameters<typeof selects>[0], agent), wanted, JSON.stringify(selector))
})
