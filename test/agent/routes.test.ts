import t from 'tap'
import { buildRouteEvent } from '../../agent/route-events.ts'
import { watchRoutes } from '../../agent/routes.ts'
import type { AnyResult } from '../../wire/result.ts'
import { healthy } from '../wire/healthy.ts'
import { paths } from './some-paths.ts'

const [path] = paths(1, { kind: 'trace' })
const [a, b, c, end] = ['192.0.2.1', '192.0.2.33', '192.0.2.65', '10.20.0.5'] as const
const traced = (route: (string | null)[], { reached = true, id = 61_000 } = {}): AnyResult => ({
  kind: 'trace',
  target: { host: end, address: end, family: 4 },
  startedAt: '2026-11-22T04:00:00.000Z',
  outcome: reached ? { kind: 'ok' } : { kind: 'fail', reason: 'no_reply', detail: 'silence' },
  phasesMs: {},
  measured: {
    ...healthy.trace,
    reached,
    forwardHops: reached ? route.length : null,
    fingerprint: 'of this look alone',
    flows: [{ id, route, reached, hops: reached ? route.length : null }],
  },
  warnings: [],
  violations: [],
})

t.test('a silent hop changes nothing, not even the fingerprint; another router is a change, told once', async t => {
  const routes = watchRoutes()
  const take = (route: (string | null)[], more?: object) => routes.take(path!, traced(route, more))
  t.equal(take([a, b, end]).change, undefined, 'the first is no change')
  const known = take([a, b, end]).result
  const silent = take([a, null, end])
  t.equal(silent.change, undefined)
  t.match(silent.result, {
    measured: { fingerprint: (known as { measured: { fingerprint: string } }).measured.fingerprint, flows: [{ route: [a, b, end] }] },
  })
  t.equal(take([a, b], { reached: false }).change, undefined, 'broken, and no other way')
  t.equal(take([a, c, end], { id: 7 }).change, undefined, 'another flow')
  const changed = take([a, c, end])
  t.match(changed.change, { diagnosis: { cause: 'route_changed' } })
  t.equal(take([a, c, end]).change, undefined)
  const event = buildRouteEvent(path!, changed.change!, 1)
  t.match(event, { name: 'causeway.route.changed', severity: 'warn', attributes: { 'causeway.cause': 'route_changed' } })
  t.not(event.attributes['causeway.route.before'], event.attributes['causeway.route.after'])
  t.notMatch(JSON.stringify(event.labels), /192\.0\.2/, 'routers are no labels')
})

t.test('a target that missed a packet is no longer route: silence right before it has to be seen twice', async t => {
  const routes = watchRoutes()
  const take = (route: (string | null)[]) => routes.take(path!, traced(route))
  const fingerprint = (taken: { result: AnyResult }) => (taken.result as { measured: { fingerprint: string } }).measured.fingerprint
  take([a, end])
  const known = take([a, end])
  const missed = take([a, null, end])
  t.equal(missed.change, undefined)
  t.match(missed.result, { measured: { fingerprint: fingerprint(known), forwardHops: 2 } })
  t.equal(take([a, end]).change, undefined, 'it was the same all the time')
  t.equal(take([a, null, end]).change, undefined, 'once more, and not in a row')
  const longer = take([a, null, end])
  t.match(longer.change, { diagnosis: { cause: 'route_changed' } }, 'a router that never answers')
  t.not(fingerprint(longer), fingerprint(known))
  t.ok(take([a, b, c, end]).change, 'who answers is told at once')
  const first = watchRoutes()
  first.take(path!, traced([a, null, end]))
  t.equal(first.take(path!, traced([a, end])).change, undefined, 'the first look itself had missed it')
  t.match(first.take(path!, traced([a, b, end])).change, { diagnosis: { cause: 'route_changed' } })
})

t.test('paths that are gone are forgotten, and results of other kinds pass through', async t => {
  const routes = watchRoutes()
  routes.take(path!, traced([a, b, end]))
  routes.keep([])
  t.equal(routes.take(path!, traced([a, c, end])).change, undefined)
  const other = { ...traced([a]), kind: 'icmp', measured: healthy.icmp } as AnyResult
  t.equal(routes.take(path!, other).result, other)
  const denied = {
    ...traced([]),
    outcome: { kind: 'unmeasured', reason: 'target_denied', detail: 'x' },
    measured: {},
  } as unknown as AnyResult
  t.equal(routes.take(path!, denied).result, denied)
})
