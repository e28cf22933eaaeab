import t from 'tap'
import { createSelf } from '../../agent/self.ts'

t.test('what the agent counts of itself goes into a window once, and adds up in the totals', async t => {
  const self = createSelf()
  self.add('runsSkipped', 2, 'late')
  self.add('exportRequests', 1, 'controller', 'timeout')
  self.set('spoolBytes', 4096)
  self.sample('loopDelay', 3)
  const points = self
    .take()
    .map(({ series, value }) => [[series.key, ...series.variant].join(' '), typeof value === 'number' ? value : value.quantiles])
  t.same(points, [
    ['runsSkipped late', 2],
    ['exportRequests controller timeout', 1],
    ['spoolBytes', 4096],
    ['loopDelay', [0.003, 0.003, 0.003]],
  ])
  t.same(self.take(), [])
  self.add('runsSkipped', 3, 'late')
  self.take()
  const totals = self.totals.series.map(series => [series.key, self.totals.read(0, series)])
  t.match(Object.fromEntries(totals), { runsSkipped: 5, spoolBytes: 4096, loopDelay: { count: 1, sum: 0.003 } })
})

t.test('a delay that is none is not counted', async t => {
  const self = createSelf()
  for (const ms of [Number.NaN, -1, Number.POSITIVE_INFINITY]) self.sample('loopDelay', ms)
  t.same(self.take(), [])
})
