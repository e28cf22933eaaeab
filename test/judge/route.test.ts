import fc from 'fast-check'
import t from 'tap'
import { differInSilence, fillRoute, fingerprintOf, hopsBehind, isSameLink, isSameRoute, loopOf, type Route } from '../../judge/route.ts'

const [a, b, c, d] = ['10.0.0.1', '10.0.1.1', '10.0.2.1', '10.0.3.1'] as const

t.test('how long the way back was', async t => {
  for (const [ttl, hops] of [
    [64, 1],
    [57, 8],
    [1, 64],
    [65, 64],
    [128, 1],
    [120, 9],
    [129, 127],
    [255, 1],
    [246, 10],
  ] as const)
    t.equal(hopsBehind(ttl), hops, `${ttl} left`)
})

const loops: [name: string, route: Route, loop: string[] | undefined][] = [
  ['two routers back and forth', [d, a, b, a, b], [a, b]],
  ['three in a circle', [a, b, c, a, b, c, a], [a, b, c]],
  ['one of the two is silent', [d, a, null, a, null, a, null], [a]],
  ['one that came twice may be chance', [a, null, a], undefined],
  ['once back is no circle yet', [a, b, a], undefined],
  ['a router that counts twice', [a, b, b, c], undefined],
  ['a router that answers with one address for all', [a, a, a, a, a, a], undefined],
  ['an ordinary route', [a, b, c, d], undefined],
  ['nobody', [null, null, null, null, null, null, null], undefined],
  ['none', [], undefined],
]
for (const [name, route, loop] of loops) t.test(`loop: ${name}`, async t => t.same(loopOf(route), loop))

const pairs: [name: string, one: Route, other: Route, same: boolean][] = [
  ['the same', [a, b, c], [a, b, c], true],
  ['a hop that is silent now', [a, b, c], [a, null, c], true],
  ['another router', [a, b, c], [a, d, c], false],
  ['one hop more', [a, b, c], [a, d, b, c], false],
  ['silence at the end is no hop', [a, b, null, null], [a, b], true],
]
for (const [name, one, other, same] of pairs)
  t.test(`same route: ${name}`, async t => {
    t.equal(isSameRoute(one, other), same)
    t.equal(isSameRoute(other, one), same)
  })
t.test('what a broken path does not show any more is no other route', async t => {
  t.equal(isSameRoute([a, b, c], [a], false), true)
  t.equal(isSameRoute([a, b, c], [d], false), false)
})

const address = fc.constantFrom(a, b, c, d)
const route = fc.array(address, { minLength: 1, maxLength: 12 })

t.test('a fingerprint stays the same whichever hops are silent, as long as one looks from the route that is known', async () => {
  fc.assert(
    fc.property(route, fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }), (known, silent) => {
      const seen = known.map((one, at) => (silent[at] && at < known.length - 1 ? null : one))
      return fingerprintOf(seen, known) === fingerprintOf(known) && isSameRoute(known, fillRoute(known, seen))
    }),
  )
})

t.test('a fingerprint is another where the route is', async t => {
  fc.assert(fc.property(route, route, (one, other) => (fingerprintOf(one) === fingerprintOf(other)) === isSameRoute(one, other)))
  fc.assert(fc.property(route, route, (known, seen) => isSameRoute(known, seen) || fingerprintOf(seen, known) === fingerprintOf(seen)))
  t.match(fingerprintOf([a, b]), /^[0-9a-f]{16}$/)
  t.not(fingerprintOf([a, b]), fingerprintOf([a, null, b]), 'a hop that nobody knows is a hop')
  t.equal(fingerprintOf([null, null]), null)
})

t.test('two ends of a cable', async t => {
  t.ok(isSameLink('192.0.2.9', '192.0.2.10'))
  t.notOk(isSameLink('192.0.2.9', '192.0.2.17'))
  t.ok(isSameLink('2001:db8:1::1', '2001:db8:1::2'))
  t.notOk(isSameLink('2001:db8:1::1', '2001:db8:2::1'))
  t.notOk(isSameLink('192.0.2.9', '2001:db8::1'))
  t.ok(isSameLink('a', 'a'))
  t.notOk(isSameLink('a', 'b'))
})

t.test('a longer route with silence alone right before the target may be the shorter one', async t => {
  for (const [one, other, isSo] of [
    [[a, d], [a, null, d], true],
    [[a, d], [a, null, null, d], true],
    [[null, d], [a, null, d], true],
    [[a, d], [a, b, d], false],
    [[a, d], [b, null, d], false],
    [[a, d], [a, null, c], false],
    [[a, d], [a, d], false],
    [[], [null, d], false],
  ] as [Route, Route, boolean][]) {
    t.equal(differInSilence(one, other), isSo, JSON.stringify([one, other]))
    t.equal(differInSilence(other, one), isSo)
  }
})
