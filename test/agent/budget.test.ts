import fc from 'fast-check'
import t from 'tap'
import { type Bucket, narrow, openBudget, refill } from '../../agent/budget.ts'
import { defaultBudgets } from '../../judge/policy.ts'
import type { RunCost } from '../../judge/run-cost.ts'

const echo: RunCost = { connections: 0, packetsPerSecond: 1, bytes: 0 }
const connect: RunCost = { connections: 1, packetsPerSecond: 0, bytes: 0 }
const budgets = { ...defaultBudgets, probesPerSecond: 200, connectionsPerSecond: 10 }

const refills: [name: string, bucket: Bucket, perSecond: number, nowMs: number, tokens: number][] = [
  ['an empty bucket fills with time', { tokens: 0, atMs: 0 }, 200, 100, 20],
  ['it holds a second worth at most', { tokens: 150, atMs: 0 }, 200, 10_000, 200],
  ['a slow one still holds one', { tokens: 0, atMs: 0 }, 0.1, 60_000, 1],
  ['a clock that went back gives nothing', { tokens: 5, atMs: 1000 }, 200, 0, 5],
  ['a debt is paid back first', { tokens: -10, atMs: 0 }, 10, 500, -5],
]
for (const [name, bucket, perSecond, nowMs, tokens] of refills)
  t.test(name, async t => t.same(refill(bucket, perSecond, nowMs), { tokens, atMs: nowMs }))

/** How many of so many runs, one after the other at one time, may start. */
const started = (budget: ReturnType<typeof openBudget>, runs: number, cost: RunCost, address: string | undefined, nowMs: number): number =>
  Array.from({ length: runs }, () => budget.take(cost, address, nowMs)).filter(refusal => refusal === undefined).length

t.test('a second has two hundred probes, whatever is asked', async t => {
  const budget = openBudget(budgets, 0)
  t.equal(started(budget, 1000, echo, '10.0.0.1', 0), 200)
  t.match(budget.take(echo, '10.0.0.1', 0), /budget of 200 probes a second is used up/)
  t.equal(started(budget, 1000, echo, '10.0.0.1', 500), 100)
  t.equal(started(budget, 1000, echo, '10.0.0.1', 3_600_000), 200, 'a quiet hour saves no more than a second')
})

t.test('a public address gets ten connections a second, a private one what there is', async t => {
  const budget = openBudget(budgets, 0)
  t.equal(started(budget, 50, connect, '8.8.8.8', 0), 10)
  t.match(budget.take(connect, '8.8.8.8', 0), /10 connections a second to the public address 8\.8\.8\.8/)
  t.equal(started(budget, 50, connect, '::ffff:8.8.8.8', 0), 0, 'another spelling is the same address')
  t.equal(started(budget, 50, connect, '8.8.4.4', 0), 10, 'another address has its own')
  t.equal(started(budget, 50, connect, '10.0.0.1', 0), 50)
  t.equal(started(budget, 5, echo, '8.8.8.8', 0), 5, 'an echo is no connection')
})

t.test('what is refused takes nothing', async t => {
  const budget = openBudget(budgets, 0)
  t.equal(started(budget, 150, connect, '8.8.8.8', 0), 10)
  t.equal(started(budget, 1000, echo, '10.0.0.1', 0), 190)
})

t.test('a run of many connections borrows from the seconds to come', async t => {
  const budget = openBudget(budgets, 0)
  const sweep = { ...connect, connections: 30 }
  t.equal(budget.take(sweep, '8.8.8.8', 0), undefined)
  t.type(budget.take(connect, '8.8.8.8', 2000), 'string')
  t.equal(budget.take(connect, '8.8.8.8', 2100), undefined)
})

t.test('a limit of nothing lets nothing through', async t => {
  t.type(openBudget({ ...budgets, probesPerSecond: 0 }, 0).take(echo, '10.0.0.1', 9999), 'string')
  const quiet = openBudget({ ...budgets, connectionsPerSecond: 0 }, 0)
  t.type(quiet.take(connect, '8.8.8.8', 9999), 'string')
  t.equal(quiet.take(connect, '10.0.0.1', 9999), undefined)
})

t.test('a smaller budget holds at once', async t => {
  const budget = openBudget(budgets, 0)
  budget.limit({ ...budgets, probesPerSecond: 5 })
  t.equal(started(budget, 100, echo, '10.0.0.1', 0), 5)
  t.equal(started(budget, 100, echo, '10.0.0.1', 1000), 5)
})

t.test('in no time do more runs start than the rate and one second allow', async () => {
  const asks = fc.array(fc.record({ waitMs: fc.nat(500), runs: fc.nat(300) }), { maxLength: 50 })
  fc.assert(
    fc.property(asks, fc.integer({ min: 1, max: 300 }), (all, probesPerSecond) => {
      const budget = openBudget({ ...budgets, probesPerSecond }, 0)
      let nowMs = 0
      let count = 0
      for (const { waitMs, runs } of all) {
        nowMs += waitMs
        count += started(budget, runs, echo, '10.0.0.1', nowMs)
      }
      return count <= probesPerSecond * (1 + nowMs / 1000) + 1e-6
    }),
  )
})

t.test('an assignment can make the budget smaller and not larger', async t => {
  t.equal(narrow(budgets, 10).probesPerSecond, 10)
  t.equal(narrow(budgets, 10_000).probesPerSecond, 200)
  t.same(narrow(budgets, undefined), budgets)
})
